//! What the supercapacitor model costs per call.

use divan::{Bencher, black_box};
use holdup::plant::supercap::{Drive, Parameters, SlowBranch, Supercap};

fn main() {
    divan::main();
}

const CONVERTER: Drive =
    Drive::Converter { power: 2.45, drop: 0.1, resistance: 0.08, current_limit: 6.0 };

fn stack(leakage: f64) -> Supercap {
    let parameters = Parameters { capacitance: 16.5, growth: 0.0, esr: 0.06, leakage, slow: None };
    Supercap::new(parameters, 4.7)
}

fn two_branches() -> Supercap {
    let parameters = Parameters {
        capacitance: 14.25,
        growth: 0.0,
        esr: 0.06,
        leakage: 90e-6,
        slow: Some(SlowBranch { capacitance: 3.75, resistance: 10.7 }),
    };
    Supercap::new(parameters, 4.7)
}

/// A constant power for this long \[s\], without leakage.
#[divan::bench(args = [1e-3, 1.0, 40.0])]
fn advance(bencher: Bencher<'_, '_>, seconds: f64) {
    let cell = stack(0.0);
    bencher.bench(|| {
        let mut cell = black_box(cell);
        cell.advance(black_box(CONVERTER), black_box(seconds));
        cell
    });
}

/// The same with leakage.
#[divan::bench(args = [1e-3, 1.0, 40.0])]
fn advance_leaking(bencher: Bencher<'_, '_>, seconds: f64) {
    let cell = stack(90e-6);
    bencher.bench(|| {
        let mut cell = black_box(cell);
        cell.advance(black_box(CONVERTER), black_box(seconds));
        cell
    });
}

/// Time to 2.5 V at the terminals.
#[divan::bench(args = [0.0, 90e-6])]
fn threshold(bencher: Bencher<'_, '_>, leakage: f64) {
    let cell = stack(leakage);
    bencher.bench(|| black_box(cell).time_to_terminal(black_box(CONVERTER), black_box(2.5)));
}

/// The time to collapse.
#[divan::bench]
fn collapse(bencher: Bencher<'_, '_>) {
    let cell = stack(90e-6);
    bencher.bench(|| black_box(cell).time_to_collapse(black_box(CONVERTER)));
}

/// A minute at 1.5 W from a stack with a slow branch.
#[divan::bench]
fn two_branch_minute(bencher: Bencher<'_, '_>) {
    let cell = two_branches();
    let drive =
        Drive::Converter { power: 1.5, drop: 0.1, resistance: 0.08, current_limit: f64::INFINITY };
    bencher.bench(|| {
        let mut cell = black_box(cell);
        cell.advance(black_box(drive), black_box(60.0));
        cell
    });
}

/// Its threshold, by dense output.
#[divan::bench]
fn two_branch_threshold(bencher: Bencher<'_, '_>) {
    let cell = two_branches();
    bencher.bench(|| black_box(cell).time_to_terminal(black_box(CONVERTER), black_box(2.5)));
}
