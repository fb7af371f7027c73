//! The adapter: mains, bulk capacitor, start-up network, converter, output capacitor.
//!
//! ```text
//!            strip        Cb              converter            Co, Iq
//!   mains ──▶ / ──▶|──┬── Vb ──┬──▶ [ η, Pnl, Ilim, Vo ] ──┬── E ──[ R ]──▶ cable
//!                     │       Rst                          │
//!                    ═╧═       └─ Vc (Cc, Ist)            ═╧═
//! ```
//!
//! - **Output.** `V_out = E − R I`. While the converter regulates, `E = Vo`. Asked for more than its
//!   limit it lets E go: at constant current, folding back to less, or ending at once and trying
//!   again after a while. Off, the output capacitor feeds the board and its own bleed (`output`).
//! - **Bulk.** With mains at its peak. Without, the converter empties it,
//!   `Cb Vb' = −(Pnl + E I/η)/Vb`, and ends at Vbmin: so hold-up follows from the load.
//! - **Start.** Off, the start-up resistor charges the controller's supply; at Von the converter starts
//!   and first charges its output, out of the bulk capacitor. When it ends, Vc is at Voff.
//! - **Strip.** One pole left live feeds the bulk a little (`strip`): the adapter starts again and again.
//! - **Power bank.** With too little load for a while the output sleeps until the plug is pulled and
//!   put in again.
//!
//! A bulk capacitor of 0 F is a supply whose output follows its switch, an output capacitor of 0 F one
//! whose output moves at once. A new output voltage is followed at once, as if set behind the output capacitor.
//!
//! Everything is a closed form (`bulk`, `output`) while the board's current is constant. Assumes that;
//! whoever has another current says so. While E moves with the converter on, bulk energy is balanced with
//! the leak's power as it was when the movement began: milliwatts beside watts. Leaves out ripple,
//! the auxiliary winding, negotiation, and temperature.

mod bulk;
mod output;
#[cfg(test)]
mod tests;

use super::strip::{Feed, Strip, Switch};
use crate::parts::{self, Overload};
use crate::plant::ode;
use crate::quantity::Nanos;
use bulk::{Bulk, StartUp, Starting, Voltages};
use output::{KNEE, Motion, NOTHING};

/// Thresholds count as reached this close \[V\].
const TOLERANCE: f64 = 1e-9;

/// The controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Controller {
    /// Waits for its supply.
    Starting,
    /// The converter drives the output.
    Driving,
    /// The converter is off after an overload, until then.
    Resting(Nanos),
    /// The converter is off for want of a load.
    Asleep,
}

/// What moves the bulk capacitor and the controller's supply.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Primary {
    /// Nothing.
    Still,
    /// The start-up network.
    Starting(Starting),
    /// A constant power \[W\].
    Power(f64),
    /// A converter whose output moves; standing power \[W\] and output current \[A\].
    Moving { standing: f64, current: f64 },
}

/// The adapter at an instant \[V\].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct State {
    /// The bulk capacitor.
    pub bulk: f64,
    /// The controller's supply.
    pub control: f64,
    /// The output capacitor.
    pub output: f64,
}

/// The adapter.
#[derive(Clone, Debug)]
pub struct Supply {
    part: parts::Supply,
    strip: Strip,
    controller: Controller,
    at: Nanos,
    state: State,
    /// Current that the board draws \[A\].
    draw: f64,
    /// Since when the load is too small.
    idle_since: Option<Nanos>,
    output: Motion,
    primary: Primary,
    next: Option<Nanos>,
}

impl Supply {
    /// An adapter that has been in a live socket for long.
    pub fn new(part: parts::Supply, strip: parts::Strip) -> Self {
        let strip = Strip::new(strip, Switch::On);
        let bulk = match strip.feed() {
            Feed::Mains(peak) => peak,
            Feed::Leak { .. } => 0.0,
        };
        let state = State { bulk, control: part.stop_voltage.0, output: part.voltage.0 };
        Self::in_state(part, strip, Controller::Driving, state)
    }

    /// An adapter behind a strip that is off, at the instant at which its converter has ended with an
    /// empty output.
    pub fn ended(part: parts::Supply, strip: parts::Strip) -> Self {
        let strip = Strip::new(strip, Switch::Off);
        let (bulk, control) = (part.bulk_minimum.0, part.stop_voltage.0);
        let state = State { bulk, control, output: 0.0 };
        Self::in_state(part, strip, Controller::Starting, state)
    }

    fn in_state(part: parts::Supply, strip: Strip, controller: Controller, state: State) -> Self {
        let mut supply = Self {
            part,
            strip,
            controller,
            at: Nanos::ZERO,
            state,
            draw: 0.0,
            idle_since: None,
            output: Motion::Still,
            primary: Primary::Still,
            next: None,
        };
        supply.plan();
        supply
    }

    /// The constants.
    pub fn part(&self) -> &parts::Supply {
        &self.part
    }

    /// The voltages, at the time to which it was moved last.
    pub fn state(&self) -> State {
        self.state
    }

    /// Output resistance \[Ω\].
    pub fn resistance(&self) -> f64 {
        self.part.resistance.0
    }

    /// Current beyond which the output falls \[A\]; infinite if there is none.
    pub fn limit(&self) -> f64 {
        if self.part.current_limit.0 > 0.0 { self.part.current_limit.0 } else { f64::INFINITY }
    }

    /// Whether the output voltage moves by itself.
    pub fn moves(&self) -> bool {
        self.output != Motion::Still
    }

    /// Whether the converter lives on its bulk capacitor, so that the load counts.
    pub fn is_on_its_bulk(&self) -> bool {
        matches!(self.primary, Primary::Power(_) | Primary::Moving { .. })
    }

    /// When the output reaches a voltage \[V\], if it does without anything else happening; seconds.
    pub fn reaches(&self, voltage: f64) -> Option<f64> {
        self.output.reaches(self.state.output, voltage)
    }

    /// Changes the constants during a run.
    pub fn set_part(&mut self, part: parts::Supply) {
        let regulates = self.state.output >= self.part.voltage.0;
        let voltage = part.voltage.0;
        self.part = part;
        self.state.output = match self.controller {
            Controller::Driving if regulates => voltage,
            Controller::Driving => self.state.output.min(voltage),
            Controller::Starting | Controller::Resting(_) | Controller::Asleep => self.state.output,
        };
        self.plan();
    }

    /// Changes the strip's constants during a run.
    pub fn set_strip(&mut self, part: parts::Strip) {
        self.strip.set_part(part);
        self.feed();
    }

    /// Switches the mains; says whether that changed anything.
    pub fn switch(&mut self, to: Switch) -> bool {
        let changed = self.strip.set_switch(to);
        if changed {
            self.feed();
        }
        changed
    }

    /// The plug was put in: a power bank wakes up.
    pub fn attach(&mut self) {
        if self.controller == Controller::Asleep {
            self.controller = Controller::Driving;
        }
        self.idle_since = None;
        self.plan();
    }

    /// Changes the current that the board draws \[A\].
    pub fn set_draw(&mut self, draw: f64) {
        if draw != self.draw {
            self.draw = draw;
            self.plan();
        }
    }

    /// Current that the board draws \[A\].
    pub fn draw(&self) -> f64 {
        self.draw
    }

    /// When something changes by itself.
    pub fn next(&self) -> Option<Nanos> {
        self.next
    }

    /// Moves the voltages to `now`; nothing else changes.
    pub fn advance(&mut self, now: Nanos) {
        let seconds = now.saturating_sub(self.at).as_secs_f64();
        self.at = self.at.max(now);
        if seconds > 0.0 && (self.moves() || self.primary != Primary::Still) {
            self.state = self.after(seconds);
        }
    }

    /// Lets happen what is due at the time to which it was moved last.
    pub fn settle(&mut self) {
        if self.next.is_none_or(|at| at > self.at) {
            return;
        }
        let State { bulk, control, .. } = self.state;
        match self.controller {
            Controller::Starting if control >= self.part.start_voltage.0 - TOLERANCE => {
                self.start()
            }
            Controller::Driving | Controller::Resting(_) | Controller::Asleep
                if self.bulk().is_some() && bulk <= self.part.bulk_minimum.0 + TOLERANCE =>
            {
                self.stop();
            }
            Controller::Resting(until) if until <= self.at => self.controller = Controller::Driving,
            Controller::Driving if self.sleeps_at().is_some_and(|at| at <= self.at) => {
                self.controller = Controller::Asleep;
            }
            Controller::Starting
            | Controller::Driving
            | Controller::Resting(_)
            | Controller::Asleep => {}
        }
        self.plan();
    }

    /// The controller's supply is up. Too low a bulk capacitor only costs it that.
    fn start(&mut self) {
        self.state.control = self.part.stop_voltage.0;
        if self.state.bulk > self.part.bulk_minimum.0 {
            self.controller = Controller::Driving;
        }
    }

    fn stop(&mut self) {
        self.state.control = self.part.stop_voltage.0;
        self.controller = Controller::Starting;
    }

    /// The mains came or went.
    fn feed(&mut self) {
        let feed = self.strip.feed();
        if let Feed::Mains(peak) = feed {
            self.state.bulk = peak;
        }
        if self.part.bulk_capacitance.0 == 0.0 {
            self.controller = match feed {
                Feed::Mains(_) => Controller::Driving,
                Feed::Leak { .. } => Controller::Starting,
            };
        }
        self.plan();
    }

    /// The bulk capacitor, if it is left to itself.
    fn bulk(&self) -> Option<Bulk> {
        let capacitance = self.part.bulk_capacitance.0;
        match self.strip.feed() {
            Feed::Leak { voltage, conductance } if capacitance > 0.0 => {
                Some(Bulk { capacitance, leak_voltage: voltage, leak_conductance: conductance })
            }
            Feed::Leak { .. } | Feed::Mains(_) => None,
        }
    }

    fn start_up(&self) -> StartUp {
        StartUp {
            resistance: self.part.start_resistance.0,
            current: self.part.start_current.0,
            capacitance: self.part.start_capacitance.0,
        }
    }

    /// When a load that is too small puts the output to sleep.
    fn sleeps_at(&self) -> Option<Nanos> {
        let since = self.idle_since?;
        let after = self.part.idle_time;
        (after > Nanos::ZERO).then(|| since.saturating_add(after))
    }

    /// Works out how things move from here, and until when.
    fn plan(&mut self) {
        let idles = self.controller == Controller::Driving && self.draw < self.part.idle_current.0;
        self.idle_since = idles.then(|| self.idle_since.unwrap_or(self.at));
        self.output = match self.controller {
            Controller::Driving => self.driven(),
            Controller::Starting | Controller::Resting(_) | Controller::Asleep => self.decaying(),
        };
        self.primary = self.primary();
        let seconds = [self.output.ends(self.state.output), self.primary_ends()];
        let seconds = seconds.into_iter().flatten().reduce(f64::min);
        let after = seconds.map(|seconds| {
            // Never at this very instant: what is due now has been done.
            self.at.saturating_add(Nanos::from_secs_f64_ceil(seconds).max(Nanos(1)))
        });
        let rested = match self.controller {
            Controller::Resting(until) => Some(until),
            Controller::Starting | Controller::Driving | Controller::Asleep => None,
        };
        self.next = [after, rested, self.sleeps_at()].into_iter().flatten().min();
    }

    /// Current that the converter gives at an output voltage \[A\], and how that changes with it \[A/V\].
    fn gives(&self, output: f64) -> (f64, f64) {
        let (limit, voltage) = (self.limit(), self.part.voltage.0);
        match self.part.overload {
            Overload::Foldback if limit.is_finite() && voltage > 0.0 => {
                let short = self.part.short_circuit_current.0;
                let slope = (limit - short) / voltage;
                (short + slope * output, slope)
            }
            Overload::Foldback | Overload::ConstantCurrent | Overload::Hiccup => (limit, 0.0),
        }
    }

    /// How a driven output moves. An overload may end that.
    fn driven(&mut self) -> Motion {
        let (from, to) = (self.state.output, self.part.voltage.0);
        let capacitance = self.part.output_capacitance.0;
        let (gives, slope) = self.gives(from);
        let spare = gives - self.draw - self.part.output_bleed.0;
        if capacitance == 0.0 || (from >= to && spare >= 0.0) {
            self.state.output = to;
            return Motion::Still;
        }
        if spare < 0.0 && self.part.overload == Overload::Hiccup {
            self.controller = Controller::Resting(self.at.saturating_add(self.part.retry_time));
            return self.decaying();
        }
        let soft = match self.part.soft_start {
            Nanos::ZERO => f64::INFINITY,
            time => to / time.as_secs_f64(),
        };
        let speed = spare / capacitance;
        if speed == 0.0 || (speed < 0.0 && from <= 0.0) {
            return Motion::Still;
        }
        if speed.min(soft).is_infinite() {
            self.state.output = to;
            return Motion::Still;
        }
        let end = if speed > 0.0 { to } else { 0.0 };
        if slope == 0.0 || speed >= soft * (1.0 - TOLERANCE) {
            return Motion::Line { speed: speed.min(soft), end };
        }
        // Folded back it gives more the higher the output is, up to what the soft start allows.
        let rate = slope / capacitance;
        let rest = from - speed / rate;
        Motion::Curve { rate, rest, end: end.min(rest + soft / rate) }
    }

    /// How an output moves that nobody drives.
    fn decaying(&mut self) -> Motion {
        let from = self.state.output;
        let (capacitance, bleed) = (self.part.output_capacitance.0, self.part.output_bleed.0);
        if capacitance == 0.0 || from <= NOTHING {
            self.state.output = 0.0;
            return Motion::Still;
        }
        let current = self.draw + bleed;
        if current == 0.0 {
            return Motion::Still;
        }
        if from > KNEE {
            return Motion::Line { speed: -current / capacitance, end: KNEE };
        }
        if self.draw > 0.0 {
            return Motion::Line { speed: -current / capacitance, end: 0.0 };
        }
        Motion::Curve { rate: -bleed / (KNEE * capacitance), rest: 0.0, end: NOTHING }
    }

    /// What moves the primary side.
    fn primary(&self) -> Primary {
        let voltages = Voltages { bulk: self.state.bulk, control: self.state.control };
        let Some(bulk) = self.bulk() else {
            return match self.controller {
                Controller::Starting if self.part.bulk_capacitance.0 > 0.0 => {
                    Primary::Starting(self.start_up().held(voltages.bulk))
                }
                Controller::Starting
                | Controller::Driving
                | Controller::Resting(_)
                | Controller::Asleep => Primary::Still,
            };
        };
        let standing = self.part.no_load_power.0;
        let current = self.draw + self.part.output_bleed.0;
        match (self.controller, self.output) {
            (Controller::Starting, _) => Primary::Starting(self.start_up().left(&bulk, voltages)),
            (Controller::Driving, Motion::Still) => {
                let power = self.state.output * current / self.part.efficiency.0;
                Primary::Power(standing + power)
            }
            (Controller::Driving, Motion::Line { .. } | Motion::Curve { .. }) => {
                Primary::Moving { standing, current }
            }
            (Controller::Resting(_) | Controller::Asleep, _) => Primary::Power(standing),
        }
    }

    /// When the primary side calls for something else; seconds.
    fn primary_ends(&self) -> Option<f64> {
        let State { bulk, control, output } = self.state;
        let end = self.part.bulk_minimum.0;
        match self.primary {
            Primary::Still => None,
            Primary::Starting(starting) => {
                let lifts = self.start_up().lifts_at();
                starting.next(Voltages { bulk, control }, self.part.start_voltage.0, lifts)
            }
            Primary::Power(power) => self.bulk()?.falls_to(bulk, power, end),
            Primary::Moving { .. } if bulk <= end => Some(0.0),
            Primary::Moving { .. } => {
                let left = |seconds: f64| self.after(seconds).bulk - end;
                let whole = self.output.ends(output)?;
                (left(whole) < 0.0).then(|| ode::root(left, 0.0, whole))?
            }
        }
    }

    /// The voltages `seconds` from here.
    fn after(&self, seconds: f64) -> State {
        let State { bulk, control, output } = self.state;
        let to = self.output.after(output, seconds);
        let (bulk, control) = match (self.primary, self.bulk()) {
            (Primary::Starting(starting), _) => {
                let voltages = starting.after(Voltages { bulk, control }, seconds);
                (voltages.bulk, voltages.control)
            }
            (Primary::Power(power), Some(law)) => (law.after(bulk, power, seconds), control),
            (Primary::Moving { standing, current }, Some(law)) => {
                let stored = 0.5 * self.part.output_capacitance.0 * (to * to - output * output);
                let given = stored + current * self.output.integral(output, seconds);
                let energy =
                    (law.leak(bulk) * bulk - standing) * seconds - given / self.part.efficiency.0;
                let square = bulk * bulk + 2.0 * energy / law.capacitance;
                (square.max(0.0).sqrt(), control)
            }
            (Primary::Still | Primary::Power(_) | Primary::Moving { .. }, _) => (bulk, control),
        };
        State { bulk, control, output: to }
    }
}
