//! The Raspberry Pi: a load with phases, a file system, and a peer on two GPIO lines.
//!
//! ```text
//!   off ──rail up──▶ boot_loader ──mounts──▶ booting ──listens──▶ running ──told──▶ shutting_down
//!    ▲                    ▲                                          │ hang            │ unmounts
//!    └── rail below reset │                                         hung               ▼
//!        (any phase)      └──────────── reboot, or a wake by GPIO3 ◀──────────────── halted
//! ```
//!
//! **Notice** (gpio-shutdown): while running, `power_good` low for the debounce time starts a
//! shutdown; a line that is already low when the Pi begins to listen counts as pressed.
//! **Down** (gpio-poweroff): after a poweroff or halt, not after a reboot, the line is active for a
//! pulse, inactive for a pulse, then active until the time-out; what follows depends on the kernel.
//! Until the driver probes, the pin is an input with a pull-down.
//!
//! Assumes constant currents per phase, whatever the rail's voltage: published figures spread more
//! than a regulator's constant-power behaviour between 4.7 and 5.1 V would move them.
//! Leaves out distributions of the times, dialogs that swallow the notice, and the 3V3 rail.

use firmware::config::Polarity;

use crate::parts::{self, AfterPoweroffTimeout, NoticeGpio, Overlay};
use crate::quantity::Nanos;
use crate::timeline::{Event, FileSystem, Pi as Phase, PiRequest, PowerGood};

/// How a shutdown ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Halt,
    Reboot,
}

/// The Pi.
#[derive(Clone, Debug)]
pub struct Pi {
    part: parts::Pi,
    /// The active level of the poweroff line; the overlay is set up like the board.
    polarity: Polarity,
    phase: Phase,
    /// When the phase ends by itself.
    phase_ends: Option<Nanos>,
    /// When it was powered on or rebooted.
    booted: Nanos,
    ending: Ending,
    file_system: FileSystem,
    power_good: PowerGood,
    /// When a low `power_good` will have been heard.
    heard_at: Option<Nanos>,
    /// When the halt was reached, while the poweroff line is being driven.
    poweroff_since: Option<Nanos>,
}

impl Pi {
    /// A Pi without power.
    pub fn new(part: parts::Pi, polarity: Polarity) -> Self {
        Self {
            part,
            polarity,
            phase: Phase::Off,
            phase_ends: None,
            booted: Nanos::ZERO,
            ending: Ending::Halt,
            file_system: FileSystem::Clean,
            power_good: PowerGood::Low,
            heard_at: None,
            poweroff_since: None,
        }
    }

    /// Changes the constants during a run.
    pub fn set_part(&mut self, part: parts::Pi) {
        self.part = part;
    }

    /// The constants.
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
        let own = match self.phase {
            Phase::Off => return 0.0,
            Phase::BootLoader => part.boot_loader_current,
            Phase::Booting => part.boot_current,
            Phase::Running | Phase::Hung => part.running_current,
            Phase::ShuttingDown => part.shutdown_current,
            Phase::Halted => part.halted_current,
        };
        own.0 + part.display_current.0
    }

    /// The level of the poweroff line at the board.
    pub fn request(&self, now: Nanos) -> PiRequest {
        let driven = match self.phase {
            Phase::Off | Phase::BootLoader | Phase::Booting => None,
            Phase::Running | Phase::Hung | Phase::ShuttingDown => Some(false),
            Phase::Halted => self.poweroff_line(now),
        };
        let active = match (driven, self.part.poweroff_overlay) {
            // An input with the pull-down that GPIO24 and GPIO26 have from power-on.
            (None, _) | (_, Overlay::Absent) => return PiRequest::Low,
            (Some(active), Overlay::Present) => active,
        };
        match (active, self.polarity) {
            (true, Polarity::ActiveHigh) | (false, Polarity::ActiveLow) => PiRequest::High,
            (false, Polarity::ActiveHigh) | (true, Polarity::ActiveLow) => PiRequest::Low,
        }
    }

    /// Whether gpio-poweroff drives the line active; `None` once it floats.
    fn poweroff_line(&self, now: Nanos) -> Option<bool> {
        let since = self.poweroff_since?;
        let pulse = self.part.poweroff_pulse;
        let elapsed = now.saturating_sub(since);
        let end = pulse.saturating_mul(2).saturating_add(self.part.poweroff_timeout);
        if elapsed < pulse {
            Some(true)
        } else if elapsed < pulse.saturating_mul(2) {
            Some(false)
        } else if elapsed < end {
            Some(true)
        } else {
            match self.part.after_poweroff_timeout {
                AfterPoweroffTimeout::Float => None,
                AfterPoweroffTimeout::StayActive => Some(true),
            }
        }
    }

    /// When anything changes by itself.
    pub fn next(&self, now: Nanos) -> Option<Nanos> {
        let pulse = self.part.poweroff_pulse;
        let edges = self.poweroff_since.map(|since| {
            let end = pulse.saturating_mul(2).saturating_add(self.part.poweroff_timeout);
            [pulse, pulse.saturating_mul(2), end].map(|after| since.saturating_add(after))
        });
        let edge = edges.into_iter().flatten().find(|edge| *edge > now);
        [self.phase_ends, self.heard_at, edge].into_iter().flatten().min()
    }

    /// Does what is due at `now`.
    pub fn advance(&mut self, now: Nanos, events: &mut Vec<Event>) {
        if self.heard_at.is_some_and(|at| at <= now) {
            self.heard_at = None;
            self.shut_down(now, Ending::Halt, events);
        }
        if self.phase_ends.is_some_and(|at| at <= now) {
            self.phase_ends = None;
            match self.phase {
                Phase::BootLoader => {
                    self.enter(Phase::Booting, events);
                    self.set_file_system(FileSystem::Mounted, events);
                    self.phase_ends = Some(self.booted.saturating_add(self.part.boot_time));
                }
                Phase::Booting => {
                    self.enter(Phase::Running, events);
                    if self.power_good == PowerGood::Low {
                        self.shut_down(now, Ending::Halt, events);
                    }
                }
                Phase::ShuttingDown => self.end_shutdown(now, events),
                Phase::Off | Phase::Running | Phase::Halted | Phase::Hung => {}
            }
        }
        self.wake_by_gpio3(now, events);
    }

    fn end_shutdown(&mut self, now: Nanos, events: &mut Vec<Event>) {
        self.set_file_system(FileSystem::Clean, events);
        match self.ending {
            Ending::Reboot => self.boot(now, events),
            Ending::Halt => {
                self.enter(Phase::Halted, events);
                self.poweroff_since = Some(now);
            }
        }
    }

    /// GPIO3 low wakes a halted Pi, unless gpio-poweroff still waits for the cut.
    fn wake_by_gpio3(&mut self, now: Nanos, events: &mut Vec<Event>) {
        let listens = self.phase == Phase::Halted && self.part.notice_gpio == NoticeGpio::Gpio3;
        let waits =
            self.part.poweroff_overlay == Overlay::Present && self.poweroff_line(now).is_some();
        if listens && !waits && self.power_good == PowerGood::Low {
            self.boot(now, events);
        }
    }

    fn boot(&mut self, now: Nanos, events: &mut Vec<Event>) {
        self.booted = now;
        self.poweroff_since = None;
        self.heard_at = None;
        self.enter(Phase::BootLoader, events);
        self.phase_ends = Some(now.saturating_add(self.part.boot_loader_time));
    }

    fn shut_down(&mut self, now: Nanos, ending: Ending, events: &mut Vec<Event>) {
        if self.phase == Phase::Running {
            self.ending = ending;
            self.heard_at = None;
            self.enter(Phase::ShuttingDown, events);
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
    pub fn power_off(&mut self, events: &mut Vec<Event>) {
        if self.phase == Phase::Off {
            return;
        }
        self.phase_ends = None;
        self.heard_at = None;
        self.poweroff_since = None;
        self.enter(Phase::Off, events);
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

    /// It hangs where it is; says whether there was anything to hang.
    pub fn hang(&mut self, events: &mut Vec<Event>) -> bool {
        match self.phase {
            Phase::Booting | Phase::Running | Phase::ShuttingDown => {
                self.phase_ends = None;
                self.heard_at = None;
                self.enter(Phase::Hung, events);
                true
            }
            Phase::Off | Phase::BootLoader | Phase::Halted | Phase::Hung => false,
        }
    }

    fn enter(&mut self, phase: Phase, events: &mut Vec<Event>) {
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
