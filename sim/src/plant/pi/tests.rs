//! The Pi alone: what it hears, what it draws, and what its line does.

use super::*;
use crate::parts::{Library, PiOverride, RequestGpio};
use crate::quantity::Amps;

/// A Pi and the events of its life so far.
struct Life {
    pi: Pi,
    now: Nanos,
    events: Vec<Event>,
}

impl Life {
    /// A Pi 4B that runs since its boot.
    fn running(over: &PiOverride) -> Self {
        let part: parts::Pi =
            Library::builtin().find("pi-4b").unwrap_or_else(|_| panic!("the part is built in"));
        let pi = Pi::new(part.with(over), Polarity::ActiveHigh, None);
        let mut life = Self { pi, now: Nanos::ZERO, events: Vec::new() };
        life.pi.set_power_good(life.now, PowerGood::Released, &mut life.events);
        life.pi.power_on(life.now, &mut life.events);
        life.pass(Nanos::from_secs(20));
        assert_eq!(life.pi.phase(), Phase::Running);
        life
    }

    /// Lets time pass.
    fn pass(&mut self, time: Nanos) {
        let end = self.now.saturating_add(time);
        while let Some(at) = self.pi.next(self.now).filter(|at| *at <= end) {
            assert!(at >= self.now, "{at} is over");
            self.now = at;
            self.pi.advance(at, &mut self.events);
        }
        self.now = end;
    }

    /// Pulls the notice low for a while.
    fn notice(&mut self, time: Nanos) {
        self.pi.set_power_good(self.now, PowerGood::Low, &mut self.events);
        self.pass(time);
        self.pi.set_power_good(self.now, PowerGood::Released, &mut self.events);
    }
}

const MILLIS: fn(u64) -> Nanos = Nanos::from_millis;

#[test]
fn a_dialog_swallows_the_first_notice_and_no_more() {
    let over = PiOverride { notice_answer: Some(NoticeAnswer::AskFirst), ..Default::default() };
    let mut life = Life::running(&over);
    life.notice(MILLIS(99));
    life.notice(MILLIS(200));
    life.pass(Nanos::SECOND);
    assert_eq!(life.pi.phase(), Phase::Running);
    life.notice(MILLIS(200));
    assert_eq!(life.pi.phase(), Phase::ShuttingDown);
}

#[test]
fn a_delayed_shutdown_can_be_cancelled_until_it_begins() {
    let delay = PiOverride { notice_delay: Some(Nanos::from_secs(60)), ..Default::default() };
    let mut life = Life::running(&delay);
    assert!(!life.pi.cancel_shutdown());
    life.notice(MILLIS(200));
    life.pass(Nanos::from_secs(59));
    assert!(life.pi.cancel_shutdown());
    life.pass(Nanos::from_secs(60));
    assert_eq!(life.pi.phase(), Phase::Running);
    life.notice(MILLIS(200));
    life.pass(Nanos::from_secs(60));
    assert_eq!(life.pi.phase(), Phase::ShuttingDown);
    assert!(!life.pi.cancel_shutdown());
}

#[test]
fn a_pi_that_resets_by_itself_leaves_its_file_system_dirty_until_it_mounts_it() {
    let mut life = Life::running(&PiOverride::default());
    assert!(life.pi.hang(life.now, &mut life.events));
    assert!(life.pi.restart(life.now, &mut life.events));
    assert_eq!((life.pi.phase(), life.pi.file_system()), (Phase::BootLoader, FileSystem::Dirty));
    life.pass(Nanos::from_secs(2));
    assert_eq!((life.pi.phase(), life.pi.file_system()), (Phase::Booting, FileSystem::Mounted));
    life.pi.power_off(life.now, &mut life.events);
    assert!(!life.pi.restart(life.now, &mut life.events));
}

#[test]
fn each_stage_draws_its_own_current() {
    let over = PiOverride {
        boot_rom_current: Some(Amps(0.15)),
        boot_rom_time: Some(MILLIS(200)),
        boot_peak_current: Some(Amps(1.1)),
        boot_peak_time: Some(Nanos::SECOND),
        poweroff_current: Some(Amps(0.62)),
        halted_current: Some(Amps(0.04)),
        ..Default::default()
    };
    let mut life = Life::running(&over);
    life.pi.reboot(life.now, &mut life.events);
    life.pass(Nanos::from_secs(7));
    let mut profile = vec![life.pi.draw()];
    for millis in [200, 1_800, 1_000, 15_000] {
        life.pass(MILLIS(millis));
        profile.push(life.pi.draw());
    }
    assert_eq!(profile, [0.15, 0.5, 1.1, 0.7, 0.6]);
    life.pi.poweroff(life.now, &mut life.events);
    life.pass(Nanos::from_secs(7));
    assert_eq!(life.pi.draw(), 0.62);
    life.pass(MILLIS(3_200));
    assert_eq!(life.pi.draw(), 0.04);
    life.pi.set_part(life.pi.part().clone().with(&PiOverride {
        after_poweroff_timeout: Some(AfterPoweroffTimeout::StayActive),
        ..Default::default()
    }));
    life.pi.power_off(life.now, &mut life.events);
    life.pi.power_on(life.now, &mut life.events);
    life.pass(Nanos::from_secs(20));
    life.pi.poweroff(life.now, &mut life.events);
    life.pass(Nanos::from_secs(600));
    assert_eq!((life.pi.draw(), life.pi.next(life.now)), (0.62, None));
}

#[test]
fn the_line_follows_pulls_driver_and_supply() {
    let over = PiOverride {
        request_gpio: Some(RequestGpio::Gpio4),
        halted_3v3: Some(Rail3v3::Off),
        reboot_3v3_gap: Some(MILLIS(300)),
        ..Default::default()
    };
    let mut life = Life::running(&over);
    let pin = |life: &Life| life.pi.request_pin(life.now);
    assert_eq!(pin(&life), PinDrive::Inactive);
    life.pi.reboot(life.now, &mut life.events);
    life.pass(Nanos::from_secs(7));
    assert_eq!(pin(&life), PinDrive::Dead);
    life.pass(MILLIS(300));
    assert_eq!(pin(&life), PinDrive::Input(Pull::Up));
    life.pass(Nanos::from_secs(18));
    assert_eq!(pin(&life), PinDrive::Inactive);
    life.pi.poweroff(life.now, &mut life.events);
    life.pass(Nanos::from_secs(7));
    let mut seen = Vec::new();
    for millis in [0, 100, 100, 2_999, 1] {
        life.pass(MILLIS(millis));
        seen.push(pin(&life));
    }
    let [active, inactive] = [PinDrive::Active, PinDrive::Inactive];
    assert_eq!(seen, [active, inactive, active, active, PinDrive::Dead]);
}

#[test]
fn gpio3_wakes_nobody_without_3v3() {
    for (rail, woken) in [(Rail3v3::On, Phase::BootLoader), (Rail3v3::Off, Phase::Halted)] {
        let over = PiOverride {
            notice_gpio: Some(NoticeGpio::Gpio3),
            poweroff_overlay: Some(Overlay::Absent),
            halted_3v3: Some(rail),
            ..Default::default()
        };
        let mut life = Life::running(&over);
        life.pi.set_power_good(life.now, PowerGood::Low, &mut life.events);
        life.pass(MILLIS(7_200));
        assert_eq!(life.pi.phase(), woken, "{rail:?}");
    }
}

#[test]
fn drawn_times_are_used_and_told() {
    let part = Life::running(&PiOverride::default()).pi.part().clone();
    let mut life = Life {
        pi: Pi::new(part, Polarity::ActiveHigh, Some(5)),
        now: Nanos::ZERO,
        events: Vec::new(),
    };
    life.pi.power_on(life.now, &mut life.events);
    let [drawn] = life.pi.drawn() else { panic!("one boot") };
    let drawn = *drawn;
    assert_eq!(life.pi.part().boot_time, drawn.boot);
    life.pi.set_power_good(life.now, PowerGood::Released, &mut life.events);
    life.pass(drawn.boot);
    assert_eq!(life.pi.phase(), Phase::Running);
    life.pi.poweroff(life.now, &mut life.events);
    assert_eq!(life.pi.phase_ends(), Some(life.now.saturating_add(drawn.shutdown)));
}
