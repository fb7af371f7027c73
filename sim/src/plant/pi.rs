//! The Raspberry Pi: a load with phases, a file system, and a peer on two GPIO lines.
//!
//! ```text
//!   off ──rail up──▶ boot_loader ──mounts──▶ booting ──listens──▶ running ──told──▶ shutting_down
//!    ▲                    ▲                                          │ hang            │ unmounts
//!    └── rail below reset │                                         hung               ▼
//!        (any phase)      └─── reboot, a wake by GPIO3, or a reset by itself ◀───── halted
//! ```
//!
//! **Notice** (gpio-shutdown): while running, `power_good` low for the debounce time is a press of the
//! power key; a line that is already low when the Pi begins to listen counts as pressed. A press starts a
//! shutdown at once or after a delay, unless a desktop opens a dialog first.
//! **Down** (gpio-poweroff): after a poweroff or halt, not after a reboot, the line is active for a
//! pulse, inactive for a pulse, then active until the time-out, while a core spins; what follows depends on
//! the kernel. What the pin does in each phase is `Pi::request_pin`; [`line`] makes a level of it.
//! **A reset by itself** (a panic's or a watchdog's): whatever it did, it boots again; a file system that was
//! mounted is dirty until it is mounted again.
//!
//! Assumes constant currents per phase, three of which begin with a stage of their own, whatever the
//! rail's voltage: published figures spread more than a regulator's constant-power behaviour between 4.7 and
//! 5.1 V would move them. Assumes that hanging or panicking it draws what it drew while running, and that a
//! dialog stays open until the next boot.
//! Leaves out what errors of SD card and USB do below 4.5 V.

mod line;
#[cfg(test)]
mod tests;
mod times;

use firmware::config::Polarity;

use crate::parts::{self, AfterPoweroffTimeout, NoticeAnswer, NoticeGpio, Overlay, Pull, Rail3v3};
use crate::quantity::Nanos;
use crate::timeline::{Event, FileSystem, Pi as Phase, PiRequest, PowerGood};
use line::PinDrive;
use times::Times;

pub use times::Drawn;

/// How a shutdown ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Halt,
    Reboot,
}

/// The desktop's dialog that asks whether to shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialog {
    Closed,
    Open,
}

/// The Pi.
#[derive(Clone, Debug)]
pub struct Pi {
    /// Its constants; boot and shutdown time are those drawn for this boot, if they are drawn.
    part: parts::Pi,
    times: Option<Times>,
    drawn: Vec<Drawn>,
    /// The active level of the poweroff line; the overlay is set up like the board.
    polarity: Polarity,
    phase: Phase,
    /// When the phase ends by itself.
    phase_ends: Option<Nanos>,
    /// When the first stage of the phase ends, if it has one and is in it.
    stage_ends: Option<Nanos>,
    /// When it was powered on or rebooted.
    booted: Nanos,
    ending: Ending,
    file_system: FileSystem,
    power_good: PowerGood,
    /// When a low `power_good` will have been heard.
    heard_at: Option<Nanos>,
    /// When a notice that was heard becomes a shutdown.
    shutdown_at: Option<Nanos>,
    dialog: Dialog,
    /// Until when the 3.3 V are absent in a reboot.
    dead_until: Option<Nanos>,
    /// When the halt was reached, while the poweroff line is being driven.
    poweroff_since: Option<Nanos>,
}

impl Pi {
    /// A Pi without power; with a seed its times are drawn.
    pub fn new(part: parts::Pi, polarity: Polarity, seed: Option<u32>) -> Self {
        Self {
            times: seed.map(|seed| Times::new(seed, part.clone())),
            drawn: Vec::new(),
            part,
            polarity,
            phase: Phase::Off,
            phase_ends: None,
            stage_ends: None,
            booted: Nanos::ZERO,
            ending: Ending::Halt,
            file_system: FileSystem::Clean,
            power_good: PowerGood::Low,
            heard_at: None,
            shutdown_at: None,
            dialog: Dialog::Closed,
            dead_until: None,
            poweroff_since: None,
        }
    }

    /// Changes the constants during a run.
    pub fn set_part(&mut self, part: parts::Pi) {
        self.part = match &mut self.times {
            Some(times) => times.change(part, &self.part),
            None => part,
        };
    }

    /// What was drawn, boot by boot.
    pub fn drawn(&self) -> &[Drawn] {
        &self.drawn
    }

    /// The constants, with the times of this boot.
    pub fn part(&self) -> &parts::Pi {
        &self.part
    }

    /// What it is doing.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Its file system.
    pub fn file_system(&self) -> FileSystem {
        self.file_system
    }

    /// When its present phase ends by itself.
    pub fn phase_ends(&self) -> Option<Nanos> {
        self.phase_ends
    }

    /// Current drawn from a fed rail \[A\], display included.
    pub fn draw(&self) -> f64 {
        let part = &self.part;
        let first = self.stage_ends.is_some();
        let own = match self.phase {
            Phase::Off => return 0.0,
            Phase::BootLoader if first => part.boot_rom_current,
            Phase::BootLoader => part.boot_loader_current,
            Phase::Booting if first => part.boot_peak_current,
            Phase::Booting => part.boot_current,
            Phase::Running | Phase::Hung => part.running_current,
            Phase::ShuttingDown => part.shutdown_current,
            Phase::Halted if first => part.poweroff_current,
            Phase::Halted => part.halted_current,
        };
        own.0 + part.display_current.0
    }

    /// The level of the poweroff line at a board with this pull of its own.
    pub fn request(&self, now: Nanos, board: Pull) -> PiRequest {
        self.request_pin(now).level(self.polarity, board)
    }

    /// What the pin of the poweroff line does in each phase.
    fn request_pin(&self, now: Nanos) -> PinDrive {
        let part = &self.part;
        let input = PinDrive::Input(part.request_gpio.pull_at_reset());
        match (self.phase, part.poweroff_overlay) {
            (Phase::Off, _) => PinDrive::Dead,
            (Phase::BootLoader | Phase::Booting, _) if self.dead_until.is_some() => PinDrive::Dead,
            (Phase::BootLoader | Phase::Booting, _) => input,
            (Phase::Running | Phase::Hung | Phase::ShuttingDown, Overlay::Absent) => input,
            (Phase::Running | Phase::Hung | Phase::ShuttingDown, Overlay::Present) => {
                PinDrive::Inactive
            }
            (Phase::Halted, _) => match (self.poweroff_line(now), part.halted_3v3) {
                (Some(drive), _) => drive,
                (None, Rail3v3::On) => input,
                (None, Rail3v3::Off) => PinDrive::Dead,
            },
        }
    }

    /// What gpio-poweroff does with the line of a halted Pi while it waits for the cut; `None` once it does
    /// not, or without the overlay.
    fn poweroff_line(&self, now: Nanos) -> Option<PinDrive> {
        let elapsed = now.saturating_sub(self.poweroff_since?);
        let [second, third, end] = self.poweroff_edges();
        if elapsed >= second && elapsed < third {
            Some(PinDrive::Inactive)
        } else if elapsed < end {
            Some(PinDrive::Active)
        } else {
            match self.part.after_poweroff_timeout {
                AfterPoweroffTimeout::Float => None,
                AfterPoweroffTimeout::StayActive => Some(PinDrive::Active),
            }
        }
    }

    /// When gpio-poweroff's line changes, from the halt on: first inactive, again active, given up.
    fn poweroff_edges(&self) -> [Nanos; 3] {
        let pulse = self.part.poweroff_pulse;
        let both = pulse.saturating_mul(2);
        [pulse, both, both.saturating_add(self.part.poweroff_timeout)]
    }

    /// When anything changes by itself.
    pub fn next(&self, now: Nanos) -> Option<Nanos> {
        let edges = self
            .poweroff_since
            .map(|since| self.poweroff_edges().map(|after| since.saturating_add(after)));
        let edge = edges.into_iter().flatten().find(|edge| *edge > now);
        let own =
            [self.phase_ends, self.stage_ends, self.heard_at, self.shutdown_at, self.dead_until];
        own.into_iter().flatten().chain(edge).min().filter(|at| *at < Nanos::MAX)
    }

    /// Does what is due at `now`.
    pub fn advance(&mut self, now: Nanos, events: &mut Vec<Event>) {
        let due = |at: &mut Option<Nanos>| at.take_if(|at| *at <= now).is_some();
        due(&mut self.stage_ends);
        due(&mut self.dead_until);
        if due(&mut self.heard_at) {
            self.hear(now, events);
        }
        if due(&mut self.shutdown_at) {
            self.shut_down(now, Ending::Halt, events);
        }
        if due(&mut self.phase_ends) {
            match self.phase {
                Phase::BootLoader => {
                    self.enter(Phase::Booting, now, events);
                    self.set_file_system(FileSystem::Mounted, events);
                    self.phase_ends = Some(self.booted.saturating_add(self.part.boot_time));
                }
                Phase::Booting => {
                    self.enter(Phase::Running, now, events);
                    if self.power_good == PowerGood::Low {
                        self.hear(now, events);
                    }
                }
                Phase::ShuttingDown => self.end_shutdown(now, events),
                Phase::Off | Phase::Running | Phase::Halted | Phase::Hung => {}
            }
        }
        self.wake_by_gpio3(now, events);
    }

    /// The power key was pressed.
    fn hear(&mut self, now: Nanos, events: &mut Vec<Event>) {
        match (self.part.notice_answer, self.dialog) {
            (NoticeAnswer::AskFirst, Dialog::Closed) => self.dialog = Dialog::Open,
            (NoticeAnswer::ShutDown, _) | (NoticeAnswer::AskFirst, Dialog::Open) => {
                if self.part.notice_delay == Nanos::ZERO {
                    self.shut_down(now, Ending::Halt, events);
                } else {
                    self.shutdown_at.get_or_insert(now.saturating_add(self.part.notice_delay));
                }
            }
        }
    }

    fn end_shutdown(&mut self, now: Nanos, events: &mut Vec<Event>) {
        self.set_file_system(FileSystem::Clean, events);
        match self.ending {
            Ending::Reboot => self.reset(now, events),
            Ending::Halt => {
                if self.part.poweroff_overlay == Overlay::Present {
                    self.poweroff_since = Some(now);
                }
                self.enter(Phase::Halted, now, events);
            }
        }
    }

    /// GPIO3 low wakes a halted Pi, unless gpio-poweroff still waits for the cut or all is switched off.
    fn wake_by_gpio3(&mut self, now: Nanos, events: &mut Vec<Event>) {
        let part = &self.part;
        let listens = self.phase == Phase::Halted
            && part.notice_gpio == NoticeGpio::Gpio3
            && part.halted_3v3 == Rail3v3::On;
        if listens && self.power_good == PowerGood::Low && self.poweroff_line(now).is_none() {
            self.reset(now, events);
        }
    }

    /// The SoC resets and boots.
    fn reset(&mut self, now: Nanos, events: &mut Vec<Event>) {
        if self.file_system == FileSystem::Mounted {
            self.set_file_system(FileSystem::Dirty, events);
        }
        let gap = self.part.reboot_3v3_gap;
        self.boot(now, events);
        self.dead_until = (gap > Nanos::ZERO).then(|| now.saturating_add(gap));
    }

    fn boot(&mut self, now: Nanos, events: &mut Vec<Event>) {
        self.forget();
        self.booted = now;
        if let Some(times) = &mut self.times {
            self.drawn.push(times.draw(now, &mut self.part));
        }
        self.enter(Phase::BootLoader, now, events);
        self.phase_ends = Some(now.saturating_add(self.part.boot_loader_time));
    }

    /// What was under way is not any more.
    fn forget(&mut self) {
        self.phase_ends = None;
        self.heard_at = None;
        self.shutdown_at = None;
        self.poweroff_since = None;
        self.dead_until = None;
        self.dialog = Dialog::Closed;
    }

    fn shut_down(&mut self, now: Nanos, ending: Ending, events: &mut Vec<Event>) {
        if self.phase == Phase::Running {
            self.ending = ending;
            self.heard_at = None;
            self.shutdown_at = None;
            self.enter(Phase::ShuttingDown, now, events);
            self.phase_ends = Some(now.saturating_add(self.part.shutdown_time));
        }
    }

    /// The rail came up.
    pub fn power_on(&mut self, now: Nanos, events: &mut Vec<Event>) {
        if self.phase == Phase::Off {
            self.boot(now, events);
        }
    }

    /// The rail fell below the reset voltage.
    pub fn power_off(&mut self, now: Nanos, events: &mut Vec<Event>) {
        if self.phase == Phase::Off {
            return;
        }
        self.forget();
        self.enter(Phase::Off, now, events);
        if self.file_system == FileSystem::Mounted {
            self.set_file_system(FileSystem::Dirty, events);
        }
    }

    /// The board moved `power_good`.
    pub fn set_power_good(&mut self, now: Nanos, level: PowerGood, events: &mut Vec<Event>) {
        if self.power_good == level {
            return;
        }
        self.power_good = level;
        self.heard_at = match (level, self.phase) {
            (PowerGood::Low, Phase::Running) => Some(now.saturating_add(self.part.notice_debounce)),
            (PowerGood::Low | PowerGood::Released, _) => None,
        };
        self.wake_by_gpio3(now, events);
    }

    /// `poweroff`; says whether anybody was there to type it.
    pub fn poweroff(&mut self, now: Nanos, events: &mut Vec<Event>) -> bool {
        let running = self.phase == Phase::Running;
        self.shut_down(now, Ending::Halt, events);
        running
    }

    /// `reboot`; says whether anybody was there to type it.
    pub fn reboot(&mut self, now: Nanos, events: &mut Vec<Event>) -> bool {
        let running = self.phase == Phase::Running;
        self.shut_down(now, Ending::Reboot, events);
        running
    }

    /// `shutdown -c`; says whether a shutdown was about to begin.
    pub fn cancel_shutdown(&mut self) -> bool {
        self.shutdown_at.take().is_some()
    }

    /// It resets by itself and boots, whatever it did; says whether it had power.
    pub fn restart(&mut self, now: Nanos, events: &mut Vec<Event>) -> bool {
        let powered = self.phase != Phase::Off;
        if powered {
            self.reset(now, events);
        }
        powered
    }

    /// It hangs where it is; says whether there was anything to hang.
    pub fn hang(&mut self, now: Nanos, events: &mut Vec<Event>) -> bool {
        match self.phase {
            Phase::Booting | Phase::Running | Phase::ShuttingDown => {
                self.forget();
                self.enter(Phase::Hung, now, events);
                true
            }
            Phase::Off | Phase::BootLoader | Phase::Halted | Phase::Hung => false,
        }
    }

    fn enter(&mut self, phase: Phase, now: Nanos, events: &mut Vec<Event>) {
        let part = &self.part;
        let first = match phase {
            Phase::BootLoader => part.boot_rom_time,
            Phase::Booting => part.boot_peak_time,
            Phase::Halted => match (part.poweroff_overlay, part.after_poweroff_timeout) {
                (Overlay::Absent, _) => Nanos::ZERO,
                (Overlay::Present, AfterPoweroffTimeout::Float) => self.poweroff_edges()[2],
                (Overlay::Present, AfterPoweroffTimeout::StayActive) => Nanos::MAX,
            },
            Phase::Off | Phase::Running | Phase::ShuttingDown | Phase::Hung => Nanos::ZERO,
        };
        self.stage_ends = (first > Nanos::ZERO).then(|| now.saturating_add(first));
        if self.phase != phase {
            self.phase = phase;
            events.push(Event::Pi(phase));
        }
    }

    fn set_file_system(&mut self, file_system: FileSystem, events: &mut Vec<Event>) {
        if self.file_system != file_system {
            self.file_system = file_system;
            events.push(Event::FileSystem(file_system));
        }
    }
}
