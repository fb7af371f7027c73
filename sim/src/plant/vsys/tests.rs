//! The rail with board, source and Pi around it, without any firmware: enabled once and left alone.

use firmware::config::Polarity;

use super::*;
use crate::parts::{Board, Cable, Caps, Library, Part, Pi, Strip, Supply};
use crate::plant::{Driven, Plant, Wiring};
use crate::quantity::{Amps, Farads, Ohms, Volts};
use crate::timeline::{LoadSwitch, Plug, PowerGood, Rail as RailState, SupplyEnable, SupplyGood};

fn part<P: Part + crate::parts::Stored>(name: &str) -> P {
    match Library::builtin().find(name) {
        Ok(part) => part,
        Err(error) => panic!("{name}: {error:?}"),
    }
}

/// A board whose switch closes as another LTC4041 board's did, with a good supply and its resistance.
fn wiring() -> Wiring {
    let mut wiring = Wiring {
        board: part::<Board>("supercap-pi"),
        caps: part::<Caps>("25f"),
        strip: part::<Strip>("both-poles"),
        supply: part::<Supply>("good-2a"),
        cable: part::<Cable>("good-1m"),
        pi: part::<Pi>("pi-zero-2w"),
        request_polarity: Polarity::ActiveHigh,
        plug: Plug::In,
        vscap: 1.0,
        seed: None,
    };
    wiring.board.input_switch_rise = Nanos::from_micros(125);
    wiring.supply.current_limit = Amps(0.0);
    wiring.pi.rail_capacitance = Farads(170e-6);
    wiring.pi.rail_bleed = Ohms(3000.0);
    wiring
}

struct Watched {
    plant: Plant,
    events: Vec<(Nanos, Event)>,
}

impl Watched {
    /// Enabled at time zero.
    fn new(wiring: Wiring) -> Self {
        let mut watched = Self { plant: Plant::new(wiring), events: Vec::new() };
        watched.settle(Nanos::ZERO);
        watched.drive(SupplyEnable::On);
        watched
    }

    fn drive(&mut self, supply_enable: SupplyEnable) {
        let driven = Driven {
            supply_enable,
            power_good: PowerGood::Released,
            load_switch: LoadSwitch::Open,
        };
        let mut events = Vec::new();
        self.plant.drive(driven, &mut events);
        self.settle(self.plant.now);
    }

    fn settle(&mut self, at: Nanos) {
        let mut events = Vec::new();
        assert!(self.plant.settle(&mut events).is_ok(), "unsettled at {at}");
        self.events.extend(events.into_iter().map(|event| (at, event)));
    }

    fn run(&mut self, until: Nanos) {
        let mut steps = 0;
        while let Some(at) = self.plant.next().filter(|at| *at <= until) {
            self.plant.advance(at);
            self.settle(at);
            steps += 1;
            assert!(steps < 100_000, "{steps} steps at {at}");
        }
        self.plant.advance(until);
        self.settle(until);
    }

    fn count(&self, event: Event) -> usize {
        self.events.iter().filter(|(_, seen)| *seen == event).count()
    }

    fn last(&self, event: Event) -> Option<Nanos> {
        self.events.iter().rev().find(|(_, seen)| *seen == event).map(|(at, _)| *at)
    }
}

const LOW: Event = Event::SupplyGood(SupplyGood::Low);
const UP: Event = Event::Rail(RailState::Up);

/// Measured on another LTC4041 board with flat capacitors: with 500 ms between the attempts the rail has
/// lost its charge each time, and it goes on for ever.
#[test]
fn with_flat_capacitors_long_retries_never_end() {
    let mut watched = Watched::new(wiring());
    watched.run(Nanos::from_secs(60));
    assert_eq!(watched.count(UP), 0);
    let tries = watched.count(LOW);
    assert!((115..=121).contains(&tries), "{tries}");
}

/// On the same board, with less than 50 ms the next attempt begins higher, and it starts after a few.
#[test]
fn short_retries_climb() {
    for milliseconds in [5, 10, 22, 45] {
        let mut wiring = wiring();
        wiring.board.min_backup = Nanos::from_millis(milliseconds);
        let mut watched = Watched::new(wiring);
        watched.run(Nanos::from_secs(10));
        assert!(watched.last(UP).is_some_and(|at| at < Nanos::SECOND), "{milliseconds} ms");
        let tries = watched.count(LOW);
        assert!((1..=6).contains(&tries), "{milliseconds} ms: {tries}");
        assert_eq!(watched.plant.rail_state(), RailState::Up);
    }
}

/// Where the boost can run it takes over at once, and the rail is held from the first attempt.
#[test]
fn charged_capacitors_carry_the_start() {
    let mut wiring = wiring();
    wiring.vscap = 4.0;
    let mut watched = Watched::new(wiring);
    watched.run(Nanos::from_secs(10));
    assert_eq!((watched.count(LOW), watched.count(UP)), (1, 1));
    assert_eq!(watched.last(UP), watched.last(LOW));
    assert_eq!(watched.plant.ltc4041.path(), PowerPath::Normal);
}

/// A stiff source lifts any rail in one go, the later the larger its capacitance, and monotonically.
#[test]
fn a_stiff_source_lifts_any_rail() {
    let mut before = Nanos::ZERO;
    for farads in [100e-6, 470e-6, 1e-3, 2.2e-3, 4.7e-3] {
        for amps in [0.0, 0.5, 1.0, 2.0] {
            let mut wiring = wiring();
            wiring.supply = part::<Supply>("bench");
            wiring.cable = part::<Cable>("none");
            wiring.pi.rail_capacitance = Farads(farads);
            wiring.pi.boot_loader_current = Amps(amps);
            let mut watched = Watched::new(wiring);
            watched.run(Nanos::SECOND);
            assert_eq!((watched.count(LOW), watched.count(UP)), (0, 1), "{farads} F, {amps} A");
            let rose = watched.last(UP).unwrap_or_default();
            assert!(before < rose && rose < Nanos::from_millis(10), "{farads} F, {amps} A: {rose}");
            if amps == 2.0 {
                before = Nanos(rose.0 / 2);
            }
        }
    }
}

/// The rise takes the charge that the rail needs: the closed form against its own integral.
#[test]
fn a_rise_conserves_charge() {
    let mut wiring = wiring();
    wiring.supply = part::<Supply>("bench");
    wiring.cable = part::<Cable>("none");
    wiring.pi.boot_loader_current = Amps(0.0);
    wiring.pi.display_current = Amps(0.0);
    let mut watched = Watched::new(wiring);
    watched.run(Nanos::from_micros(300));
    let Rail::Rising(rise) = watched.plant.rail else { panic!("it rises") };
    let now = Nanos::from_micros(300);
    let charge = 0.5 * rise.current(now) * 300e-6;
    assert!((170e-6 * watched.plant.vsys() - charge).abs() < 1e-12);
}

/// Another LTC4041 board's author: at the end of the charge the Pi cuts itself off at about 4 V, the load is
/// gone, the boost lifts VSYS, and the Pi starts again. Below its lock-out it stays off.
#[test]
fn an_overloaded_boost_chatters_until_the_capacitors_are_down() {
    let run = |recovery: Nanos| {
        let mut wiring = wiring();
        wiring.board.input_switch_rise = Nanos::ZERO;
        wiring.board.boost_recovery = recovery;
        wiring.plug = Plug::Out;
        wiring.pi = part::<Pi>("pi-4b-tft");
        wiring.vscap = 2.9;
        let mut watched = Watched::new(wiring);
        watched.run(Nanos::from_secs(600));
        watched
    };
    let starts = Event::Pi(Phase::BootLoader);
    let latched = run(Nanos::ZERO);
    assert_eq!(latched.count(starts), 1);
    let chattering = run(Nanos::from_millis(10));
    assert!(chattering.count(starts) > 2, "{}", chattering.count(starts));
    assert_eq!(chattering.plant.ltc4041.path(), PowerPath::Collapsed);
    assert!(chattering.plant.vscap() < latched.plant.vscap());
}

/// An open input that holds what the boost feeds back looks good until the input switch closes.
#[test]
fn a_back_fed_input_cycles_with_the_retries() {
    let mut wiring = wiring();
    wiring.board.input_switch_rise = Nanos::ZERO;
    wiring.board.back_feed_resistance = Ohms(100.0);
    wiring.board.backup_voltage = Volts(4.88);
    wiring.board.power_fail_hysteresis = Volts(0.05);
    wiring.vscap = 4.7;
    let mut watched = Watched::new(wiring);
    watched.run(Nanos::from_secs(40));
    assert_eq!(watched.count(LOW), 0);
    assert!(watched.plant.set_plug(Plug::Out));
    watched.settle(Nanos::from_secs(40));
    watched.run(Nanos::from_secs(50));
    let cycles = watched.count(LOW);
    assert!((19..=21).contains(&cycles), "{cycles}");
    // The rail's capacitance carries the Pi while the input is believed.
    assert_eq!(watched.count(Event::Rail(RailState::Sagging)), 0);
    assert!(watched.plant.quantities().vin > 4.75);
}

/// A display with a supply of its own keeps the rail up, and what the Pi draws decides whether it runs.
#[test]
fn a_back_fed_rail_does_not_fall() {
    let run = |volts: f64, ohms: f64| {
        let mut wiring = wiring();
        wiring.board.input_switch_rise = Nanos::ZERO;
        wiring.pi.back_feed_voltage = Volts(volts);
        wiring.pi.back_feed_resistance = Ohms(ohms);
        let mut watched = Watched::new(wiring);
        watched.run(Nanos::from_secs(60));
        watched.drive(SupplyEnable::Off);
        watched.run(Nanos::from_secs(120));
        (watched.plant.vsys(), watched.plant.pi.phase(), watched.count(UP))
    };
    // HDMI: between 1 V and 3 V for ever, the Pi is off.
    let (volts, phase, _) = run(3.3, 1000.0);
    assert!((volts - 2.475).abs() < 1e-6, "{volts}");
    assert_eq!(phase, Phase::Off);
    // A display's 5 V through little resistance: the Pi stays on.
    let (volts, phase, ups) = run(5.0, 0.5);
    assert!(volts > 4.63, "{volts}");
    assert_ne!(phase, Phase::Off);
    assert_eq!(ups, 1);
}

/// In between it cannot start, and it cannot stay off: it tries for ever.
#[test]
fn a_weak_back_feed_starts_the_pi_again_and_again() {
    let mut wiring = wiring();
    wiring.board.input_switch_rise = Nanos::ZERO;
    wiring.pi.back_feed_voltage = Volts(5.0);
    wiring.pi.back_feed_resistance = Ohms(20.0);
    let mut watched = Watched::new(wiring);
    watched.run(Nanos::from_secs(1));
    watched.drive(SupplyEnable::Off);
    watched.run(Nanos::from_millis(1500));
    let starts = watched.count(Event::Pi(Phase::BootLoader));
    assert!(starts > 10, "{starts}");
    assert!(watched.count(Event::Pi(Phase::Off)) >= starts - 1);
}
