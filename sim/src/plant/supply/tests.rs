//! The adapter against its differential equations, and the pulse trains of an open pole.

use super::*;
use crate::parts::Library;
use crate::plant::ode::{DormandPrince, Tolerance};
use crate::quantity::{Amps, Farads, Volts, Watts};

fn part(name: &str) -> parts::Supply {
    match Library::builtin().find(name) {
        Ok(part) => part,
        Err(error) => panic!("{error:?}"),
    }
}

fn strip(nanofarads: f64) -> parts::Strip {
    let strip: parts::Strip = match Library::builtin().find("one-pole") {
        Ok(part) => part,
        Err(error) => panic!("{error:?}"),
    };
    parts::Strip { y_capacitance: Farads(nanofarads * 1e-9), ..strip }
}

/// Moves the adapter to its next event; when that is \[s\].
fn step(supply: &mut Supply) -> Option<f64> {
    let at = supply.next()?;
    supply.advance(at);
    supply.settle();
    Some(at.as_secs_f64())
}

/// A pulse of the output \[s\].
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pulse {
    rises: f64,
    /// The converter ends.
    ends: f64,
    /// Below 4.7 V.
    falls: f64,
}

/// The second and third pulse of an adapter behind an open pole, under a load \[W\].
fn pulses(nanofarads: f64, load: f64) -> Option<[Pulse; 2]> {
    const GOOD: f64 = 4.7;
    let mut supply = Supply::ended(part("official-3a"), strip(nanofarads));
    supply.set_draw(load / 5.1);
    let (mut now, mut rises, mut ends) = (0.0, 0.0, 0.0);
    let mut pulses = Vec::new();
    while pulses.len() < 3 && now < 1e4 {
        let before = (supply.controller, supply.state().output);
        let crossed = supply.reaches(GOOD).map(|seconds| now + seconds);
        now = step(&mut supply)?;
        match crossed {
            Some(at) if before.1 < GOOD => rises = at,
            Some(at) => pulses.push(Pulse { rises, ends, falls: at }),
            None => {}
        }
        if before.0 == Controller::Driving && supply.controller != Controller::Driving {
            ends = now;
        }
    }
    Some([*pulses.get(1)?, *pulses.get(2)?])
}

#[test]
fn pulses_of_an_open_pole() {
    let check = |nanofarads: f64, period: f64, driven: f64, good: f64| {
        let [second, third] = pulses(nanofarads, 0.0).expect("pulses");
        let got =
            [third.rises - second.rises, second.ends - second.rises, second.falls - second.rises];
        let near = |got: f64, want: f64, within: f64| (got - want).abs() < within;
        assert!(
            near(got[0], period, 0.06) && near(got[1], driven, 0.06) && near(got[2], good, 0.06),
            "{nanofarads} nF: {got:?}"
        );
    };
    // Between the end of the converter and 4.7 V lies what the output capacitor holds: 0.67 s.
    check(3.3, 12.85, 2.2, 2.9);
    check(2.2, 15.4, 1.4, 2.0);
    check(1.0, 27.8, 0.5, 1.15);
    let [loaded, _] = pulses(3.3, 5.0).expect("pulses");
    let length = loaded.falls - loaded.rises;
    assert!((length - 6e-3).abs() < 0.5e-3, "{length}");
    assert_eq!(pulses(0.33, 0.0), None, "it never starts");
    // A little more and it starts, now and then, but the charge does not last until the output is up.
    assert_eq!(pulses(0.35, 0.0), None);
    let mut rare = Supply::ended(part("official-3a"), strip(0.35));
    let starts = step(&mut rare).expect("starts");
    assert!(starts > 600.0 && rare.controller == Controller::Driving, "{starts}");
}

#[test]
fn starting_agrees_with_the_differential_equation() {
    let network = StartUp { resistance: 4e6, current: 10e-6, capacitance: 4.7e-6 };
    for conductance in [0.0, 5e-9, 1.65e-7, 5e-7] {
        let bulk = Bulk { capacitance: 22e-6, leak_voltage: 650.0, leak_conductance: conductance };
        let at = Voltages { bulk: 45.0, control: 9.0 };
        let slope = |_: f64, y: &[f64; 2]| {
            let through = (y[0] - y[1]) / 4e6;
            [(bulk.leak(y[0]) - through) / 22e-6, (through - 10e-6) / 4.7e-6]
        };
        let tight = Tolerance { absolute: 1e-10, relative: 1e-12 };
        let mut solver = DormandPrince::new(&slope, 0.0, [45.0, 9.0], tight);
        while solver.time() < 5.0 {
            let _ = solver.step(&slope, 5.0);
        }
        let got = network.left(&bulk, at).after(at, 5.0);
        let [vb, vc] = solver.state();
        assert!(
            (got.bulk - vb).abs() < 1e-8 && (got.control - vc).abs() < 1e-8,
            "{got:?} {vb} {vc}"
        );
    }
}

#[test]
fn running_agrees_with_the_differential_equation() {
    // No voltage of rest, two of them with the start above, between and below, and nearly a double one.
    let double = 1.65e-7 * 650.0 * 650.0 / 4.0;
    for (power, from) in [(0.024, 85.0), (0.005, 80.0), (0.005, 30.0), (5.0, 85.0), (double, 85.0)]
    {
        let bulk = Bulk { capacitance: 22e-6, leak_voltage: 650.0, leak_conductance: 1.65e-7 };
        let slope = |_: f64, y: &[f64; 1]| [(bulk.leak(y[0]) - power / y[0]) / 22e-6];
        let seconds = if power > 1.0 { 0.01 } else { 2.0 };
        let tight = Tolerance { absolute: 1e-10, relative: 1e-12 };
        let mut solver = DormandPrince::new(&slope, 0.0, [from], tight);
        while solver.time() < seconds {
            let _ = solver.step(&slope, seconds);
        }
        let (got, want) = (bulk.after(from, power, seconds), solver.state()[0]);
        assert!((got - want).abs() < 1e-6, "{power} W from {from} V: {got} {want}");
        if want < from {
            let back = bulk.falls_to(from, power, want).expect("falls");
            assert!((back - seconds).abs() < 1e-6, "{back} {seconds}");
        } else {
            assert_eq!(bulk.falls_to(from, power, 1.0), None, "it is fed enough");
        }
    }
}

#[test]
fn hold_up_follows_from_the_load() {
    for amps in [0.5, 1.0, 3.0] {
        let mut supply = Supply::new(part("official-3a"), strip(0.0));
        supply.set_draw(amps);
        assert_eq!(supply.next(), None);
        assert!(supply.switch(Switch::Off));
        let ended = step(&mut supply).expect("ends");
        let energy = 0.5 * 22e-6 * (2.0 * 230.0 * 230.0 - 45.0 * 45.0);
        let want = energy / (0.02 + 5.1 * (amps + 0.6e-3) / 0.75);
        assert!((ended - want).abs() < 1e-6, "{amps} A: {ended} {want}");
        // Then the output capacitor goes, within a millisecond or a few.
        let gone = supply.reaches(4.7).expect("falls");
        assert!((gone - 0.4e-3 / (amps + 0.6e-3)).abs() < 1e-8, "{gone}");
    }
}

#[test]
fn mains_that_returns_takes_time() {
    let mut supply = Supply::new(part("official-3a"), strip(0.0));
    supply.set_draw(1.0);
    supply.switch(Switch::Off);
    step(&mut supply);
    supply.set_draw(0.0);
    supply.advance(Nanos::from_secs(60));
    supply.switch(Switch::On);
    let back = step(&mut supply).expect("starts");
    // (Vc from 0 V at least) to 17 V, through 4 MOhm from 325 V.
    assert!((60.3..61.2).contains(&back), "{back}");
}

#[test]
fn a_bench_supply_follows_its_switch() {
    let mut supply = Supply::new(part("bench"), strip(3.3));
    supply.set_draw(2.0);
    assert!(supply.switch(Switch::Off));
    assert_eq!((supply.state().output, supply.next()), (0.0, None));
    assert!(supply.switch(Switch::On));
    assert_eq!((supply.state().output, supply.next()), (5.0, None));
}

#[test]
fn overloads() {
    // Constant current: 1 A too much out of 1 mF is a volt a millisecond.
    let mut supply = Supply::new(part("official-3a"), strip(0.0));
    supply.set_draw(4.6);
    let near = |got: Option<f64>, want: f64| {
        assert!(got.is_some_and(|got| (got - want).abs() < 0.01 * want), "{got:?} {want}");
    };
    near(supply.reaches(4.1), 1e-3);
    supply.advance(Nanos::from_millis(1));
    supply.set_draw(0.0);
    near(supply.reaches(5.0), 0.9e-3 / 3.6);

    // Hiccup: off at once, tries again after its time, and again.
    let mut supply = Supply::new(part("hiccup-1a"), strip(0.0));
    supply.set_draw(2.0);
    assert!(supply.moves());
    let mut starts = 0;
    while supply.at < Nanos::from_secs(4) {
        step(&mut supply).expect("goes on");
        starts += u32::from(supply.state().output > 4.9);
    }
    assert!(starts <= 1, "a load that stays never lets it up: {starts}");
    supply.set_draw(0.0);
    while supply.state().output < 5.0 {
        step(&mut supply).expect("recovers");
    }
    assert!(supply.at < Nanos::from_millis(4900), "{:?}", supply.at);

    // Foldback: beside a load above its short-circuit current it never gets up again.
    let mut supply = Supply::new(part("foldback-2a"), strip(0.0));
    supply.set_draw(2.5);
    while supply.next().is_some() {
        step(&mut supply);
    }
    assert_eq!(supply.state().output, 0.0);
    supply.set_draw(1.0);
    assert_eq!((supply.state().output, supply.next()), (0.0, None));
    supply.set_draw(0.2);
    while supply.next().is_some() {
        step(&mut supply);
    }
    assert_eq!(supply.state().output, 5.0);
    // No faster than its soft start.
    let took = supply.at.as_secs_f64();
    assert!(took > 10e-3, "{took}");
}

#[test]
fn a_power_bank_sleeps_without_a_load_and_wakes_with_the_plug() {
    let mut supply = Supply::new(part("power-bank"), strip(0.0));
    supply.set_draw(1.0);
    assert_eq!(supply.next(), None);
    supply.advance(Nanos::from_secs(100));
    supply.set_draw(0.01);
    assert_eq!(step(&mut supply), Some(130.0));
    while supply.next().is_some() {
        step(&mut supply);
    }
    assert_eq!(supply.state().output, 0.0);
    supply.attach();
    while supply.state().output < 5.1 {
        step(&mut supply).expect("wakes");
    }
}

#[test]
fn odd_values_neither_panic_nor_stand_still() {
    // A bulk capacitor that never gets above its minimum burns start-ups, seconds apart.
    let mut odd = part("official-3a");
    odd.bulk_minimum = Volts(400.0);
    let mut supply = Supply::ended(odd, strip(3.3));
    supply.switch(Switch::On);
    let mut events = 0;
    while supply.at < Nanos::from_secs(600) && step(&mut supply).is_some() {
        events += 1;
    }
    assert!((100..2000).contains(&events), "{events}");
    // Nothing drawn, nothing lost, fed for ever.
    let mut still = part("official-3a");
    (still.no_load_power, still.output_bleed) = (Watts(0.0), Amps(0.0));
    let mut supply = Supply::ended(still, strip(3.3));
    while supply.at < Nanos::from_secs(1_000_000) && step(&mut supply).is_some() {}
    supply.advance(Nanos::from_secs(2_000_000));
    assert_eq!(supply.state().output, 5.1);
    assert!((supply.state().bulk - 650.538).abs() < 0.1, "{:?}", supply.state());
}
