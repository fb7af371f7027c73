//! The plant: everything around the microcontroller, wired as the supercapacitor board.
//!
//! ```text
//!   strip ── supply ── cable ──▶ VIN ─ ltc4041 ─ VSYS ─▶ rail ──▶ pi
//!                                        │                   └──▶ relay_load
//!                                    supercap
//! ```
//!
//! One file per physical thing; each opens with its equations. Between events everything is a
//! closed form. After every change [`Plant::settle`] solves the circuit again, re-tests every
//! threshold at that same instant (a step of current crosses thresholds at once through ESR and
//! cable), and predicts the next crossing; [`Plant::next`] says when that is.

pub mod cable;
mod cells;
mod inputs;
pub mod ltc4041;
mod mcu;
pub mod ode;
pub mod pi;
pub mod rail;
pub mod relay_load;
pub mod strip;
pub mod supercap;
pub mod supply;
mod vin;
mod visible;
mod vsys;
mod wiring;

use crate::parts::{self, Drift};
use crate::quantity::{Nanos, Volts};
use crate::timeline::{Event, HoldUp, Mcu, Plug, PowerPath, Quantities};
use cable::Cable;
use cells::Cells;
use inputs::Inputs;
use ltc4041::{Ltc4041, OperatingPoint};
use mcu::McuSupply;
use pi::Pi;
use rail::{Free, Hanging, Rail};
use relay_load::RelayLoad;
use supercap::Supercap;
use supply::Supply;
use visible::Visible;
use wiring::source;

pub use mcu::{SupplyWatch, Watched};
pub use wiring::{Driven, Wiring};

/// The plant.
#[derive(Clone, Debug)]
pub struct Plant {
    now: Nanos,
    wiring: Wiring,
    supply: Supply,
    cable: Cable,
    ltc4041: Ltc4041,
    caps: Supercap,
    cells: Cells,
    rail: Rail,
    pi: Pi,
    relay: RelayLoad,
    inputs: Inputs,
    mcu: McuSupply,
    driven: Driven,
    point: OperatingPoint,
    /// VSYS while something last fed it \[V\].
    fed_vsys: f64,
    crossing: Option<Nanos>,
    /// Something was done to the plant, or is due in it, that [`Plant::settle`] has not seen.
    touched: bool,
    visible: Visible,
}

/// The circuit finds no solution that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsettled;

/// How often the circuit may be solved at one instant; more is a defect of the model.
const ROUNDS: u32 = 64;

impl Plant {
    /// A plant at time zero with the microcontroller's pins floating.
    pub fn new(wiring: Wiring) -> Self {
        let supply = Supply::new(wiring.supply.clone(), wiring.strip.clone());
        let cable = Cable::new(wiring.cable.clone(), wiring.plug);
        let source = source(&supply, &cable);
        let caps = Supercap::new(cells::parameters(&wiring.caps), wiring.vscap);
        let pi = Pi::new(wiring.pi.clone(), wiring.request_polarity, wiring.seed);
        let rail = Rail::Free(Free::new(Nanos::ZERO, 0.0, Hanging::on(pi.part(), 0.0)));
        let mcu = McuSupply::new(&wiring.board, source.voltage.max(wiring.vscap));
        let ltc4041 = Ltc4041::new(wiring.board.clone(), source, wiring.vscap);
        let point = ltc4041.solve(source, 0.0, &caps);
        let visible = Visible::at_the_start(&cable, &ltc4041, &point, &pi, &mcu);
        let mut plant = Self {
            now: Nanos::ZERO,
            wiring,
            supply,
            cable,
            ltc4041,
            caps,
            cells: Cells::default(),
            rail,
            pi,
            relay: RelayLoad::OPEN,
            inputs: Inputs::new(),
            mcu,
            driven: Driven::FLOATING,
            point,
            fed_vsys: 0.0,
            crossing: None,
            touched: true,
            visible,
        };
        // Should it not settle, it will not at the first instant of a run either, and is told there.
        plant.touched = plant.settle(&mut Vec::new()).is_err();
        plant
    }

    /// When the plant changes by itself.
    pub fn next(&self) -> Option<Nanos> {
        [
            self.crossing,
            self.supply.next(),
            self.ltc4041.next(self.now),
            self.pi.next(self.now),
            self.relay.next(),
            self.rail_next(),
        ]
        .into_iter()
        .flatten()
        .min()
        .map(|at| at.max(self.now))
    }

    /// Moves the continuous state to `now`; nothing else changes.
    pub fn advance(&mut self, now: Nanos) {
        self.touched |= self.next().is_some_and(|at| at <= now);
        let elapsed = now.saturating_sub(self.now);
        if elapsed > Nanos::ZERO {
            let seconds = elapsed.as_secs_f64();
            self.caps.advance(self.point.drive, seconds);
            self.cells.advance(&self.wiring.caps, &self.caps, self.balancer(), seconds);
            self.supply.advance(now);
            self.touched |= self.supply.moves();
            self.now = now;
        }
    }

    /// Does what is due at this instant, solves the circuit, reports what changed.
    ///
    /// # Errors
    /// The circuit finds no solution that stays: a defect of the model.
    pub fn settle(&mut self, events: &mut Vec<Event>) -> Result<(), Unsettled> {
        if !std::mem::take(&mut self.touched) {
            return Ok(());
        }
        self.supply.settle();
        self.relay.advance(self.now);
        let vscap = self.vscap();
        self.ltc4041.advance(self.now, self.vsys(), vscap);
        for _ in 0..ROUNDS {
            self.pi.advance(self.now, events);
            let changed = self.solve(events);
            if !changed {
                self.load_the_supply();
                self.predict();
                self.publish(events);
                return Ok(());
            }
        }
        Err(Unsettled)
    }

    /// Solves once; says whether a discrete change calls for another round.
    fn solve(&mut self, events: &mut Vec<Event>) -> bool {
        self.follow_switch();
        let load = self.load();
        self.point = self.operating_point();
        let compared = self.ltc4041.compare(self.now, &self.point, &self.caps);
        let railed = self.follow_rail(events);
        self.mcu.follow(self.ltc4041.part(), self.point.vin.max(self.vscap()));
        compared || railed || self.load() != load
    }

    /// Predicts when the capacitors' voltage next matters.
    fn predict(&mut self) {
        let source = source(&self.supply, &self.cable);
        let part = self.ltc4041.part();
        let ltc4041 = self.ltc4041.next_crossing(&self.point, source, self.load(), &self.caps);
        let mcu = self.mcu.next_crossing(part, self.point.vin, self.point.drive, &self.caps);
        let drive = self.point.drive;
        let cells = self.cells.next_extreme(&self.wiring.caps, &self.caps, drive, self.balancer());
        let (rail, vin) = (self.rail_trips(source), self.vin_crossing(source));
        let seconds = [ltc4041, mcu, cells, rail, vin].into_iter().flatten().reduce(f64::min);
        self.crossing = seconds.map(|seconds| {
            // Never at this very instant: what is due now has been done.
            let after = Nanos::from_secs_f64_ceil(seconds).max(Nanos(1));
            self.now.saturating_add(after)
        });
    }

    /// The values of everything that has a value, now.
    pub fn quantities(&self) -> Quantities {
        // VIN and VSYS move between events, with the capacitors while they are charged and with the adapter.
        let point = if self.ltc4041.path() == PowerPath::Normal || self.supply.moves() {
            self.operating_point()
        } else {
            self.point
        };
        let terminal = self.caps.terminal(point.drive);
        let caps = &self.wiring.caps;
        let cell_voltage = self.cells.highest(caps, &self.caps, terminal.voltage);
        let load_current = match self.rail {
            Rail::Fed => self.load(),
            Rail::Rising(_) | Rail::Free(_) => self.hanging().current,
        };
        Quantities {
            vin: point.vin,
            vsys: match self.rail {
                Rail::Fed => point.vsys.unwrap_or(self.fed_vsys),
                Rail::Rising(_) | Rail::Free(_) => self.vsys(),
            },
            vscap: terminal.voltage,
            load_current,
            caps_current: terminal.current,
            cell_voltage,
            cell_headroom: cells::rating(caps) - cell_voltage,
        }
    }

    /// Whether the microcontroller has its supply.
    pub fn mcu(&self) -> Mcu {
        self.mcu.state()
    }

    /// The microcontroller's supply behind its regulator \[V\], and where that is among the voltages
    /// that it waits for.
    pub fn mcu_supply(&self) -> (f64, Watched) {
        let vdd = mcu::vdd(self.ltc4041.part(), self.point.vin.max(self.vscap()));
        (vdd, self.mcu.watched(vdd))
    }

    /// The voltages at which the microcontroller wants to hear of its supply.
    pub fn watch_mcu_supply(&mut self, watch: Option<SupplyWatch>) {
        self.touched |= self.mcu.set_watch(watch);
    }

    /// The Pi, for what is done to it.
    pub fn pi_mut(&mut self) -> &mut Pi {
        self.touched = true;
        &mut self.pi
    }

    /// The Pi.
    pub fn pi(&self) -> &Pi {
        &self.pi
    }

    /// The adapter, for what is done to it.
    pub fn supply_mut(&mut self) -> &mut Supply {
        self.touched = true;
        &mut self.supply
    }

    /// The adapter.
    pub fn supply(&self) -> &Supply {
        &self.supply
    }

    /// The board's constants.
    pub fn board(&self) -> &parts::Board {
        self.ltc4041.part()
    }

    /// Moves the plug; says whether that changed anything.
    pub fn set_plug(&mut self, plug: Plug) -> bool {
        self.touched = true;
        let changed = self.cable.set_plug(plug);
        if changed && plug == Plug::In {
            self.supply.attach();
        }
        changed
    }

    /// Puts the capacitors at a voltage \[V\].
    pub fn set_vscap(&mut self, voltage: f64) {
        self.touched = true;
        self.caps = Supercap::new(self.caps.parameters, voltage);
        self.cells.even();
    }

    /// Changes the adapter's voltage without load \[V\]; says whether that changed anything.
    pub fn set_supply_voltage(&mut self, voltage: Volts) -> bool {
        self.touched = true;
        let before = std::mem::replace(&mut self.wiring.supply.voltage, voltage);
        self.supply.set_part(self.wiring.supply.clone());
        before != voltage
    }

    /// Changes constants; says whether that changed anything.
    pub fn drift(&mut self, drift: &Drift) -> bool {
        self.touched = true;
        let before = self.wiring.clone();
        let wiring = &mut self.wiring;
        wiring.board = before.board.clone().with(&drift.board);
        wiring.caps = before.caps.clone().with(&drift.caps);
        wiring.supply = before.supply.clone().with(&drift.supply);
        wiring.strip = before.strip.clone().with(&drift.strip);
        wiring.cable = before.cable.clone().with(&drift.cable);
        wiring.pi = before.pi.clone().with(&drift.pi);
        self.ltc4041.set_part(wiring.board.clone());
        self.caps = self.cells.change(&before.caps, &wiring.caps, &self.caps);
        self.supply.set_part(wiring.supply.clone());
        self.supply.set_strip(wiring.strip.clone());
        self.cable.set_part(wiring.cable.clone());
        self.pi.set_part(wiring.pi.clone());
        self.wiring != before
    }

    /// Applies the microcontroller's pins.
    pub fn drive(&mut self, driven: Driven, events: &mut Vec<Event>) {
        if driven == self.driven {
            return;
        }
        self.touched = true;
        let before = std::mem::replace(&mut self.driven, driven);
        // In the order of the firmware's rule: the supply first.
        if before.supply_enable != driven.supply_enable {
            let (vin, vsys, vscap) = (self.point.vin, self.vsys(), self.vscap());
            self.ltc4041.enable(driven.supply_enable, vin, vsys, vscap);
            events.push(Event::SupplyEnable(driven.supply_enable));
        }
        if before.load_switch != driven.load_switch {
            self.relay.set(self.now, driven.load_switch, self.ltc4041.part());
            events.push(Event::LoadSwitch(driven.load_switch));
        }
        if before.power_good != driven.power_good {
            events.push(Event::PowerGood(driven.power_good));
            self.pi.set_power_good(self.now, driven.power_good, events);
        }
    }

    /// Hold-up left at the present load, as if the input were gone: seconds until the terminals
    /// reach the floor or the boost ends, and the energy above that \[J\].
    pub fn hold_up(&self) -> HoldUp {
        let part = self.ltc4041.part();
        let drive = ltc4041::boost(part, self.load());
        let seconds = self.caps.time_to_end(drive, part.hold_up_floor.0).unwrap_or(f64::INFINITY);
        HoldUp { seconds, joules: self.caps.energy_above(drive, part.hold_up_floor.0) }
    }

    /// The current of the LTC4041's balancer \[A\].
    fn balancer(&self) -> f64 {
        match self.ltc4041.path() {
            PowerPath::Normal => self.ltc4041.part().balancer_current.0,
            PowerPath::Backup | PowerPath::Off | PowerPath::Collapsed => 0.0,
        }
    }

    /// The capacitors.
    pub fn caps(&self) -> &Supercap {
        &self.caps
    }

    fn vscap(&self) -> f64 {
        self.caps.terminal(self.point.drive).voltage
    }
}
