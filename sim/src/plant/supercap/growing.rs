//! A capacitance that grows with its voltage, on a constant current or a source.
//!
//! ```text
//! (C + k v) v' = -I - Il          C v + k v²/2 falls as a straight line
//! (C + k v) v' = (E - v)/r        E = T - Il r, with d = v - E and L = ln(d/d0):
//!                                 (C + k E) L + k d0 (exp(L) - 1) = -t/r
//! ```
//!
//! The first is a quadratic in v. The second gives the time directly and the state by Newton's method:
//! its left side is monotone in L with the slope C(v), and bends one way only.
//!
//! With a slow branch there is no closed form. Dormand-Prince carries both branches
//! (`two_branch::integrate`) until one comes near enough:
//!
//! - at a constant current, once v - s has settled at -(I + Il) Rs Cs/(C(v) + Cs), all charge together
//!   falls as a straight line;
//! - at a source, once both branches are so near to E that C(v) is as good as constant, the linear
//!   circuit takes over.

use super::linear::{Load, trajectories};
use super::two_branch::{End, integrate};
use super::{Crossing, SlowBranch, Supercap};

/// What the hand-over to a closed form may be wrong by \[V\].
const NEAR: f64 = 1e-10;
/// Newton's method doubles its digits with each step once it is near; far away it halves at worst.
const MOST_STEPS: u32 = 64;

/// Advances `cell` by `seconds`, or to `until`; returns the time \[s\] of the crossing. `leakage` \[A\]
/// as it flows now.
pub(super) fn run(
    cell: &mut Supercap,
    load: Load,
    leakage: f64,
    until: Crossing,
    seconds: f64,
) -> Option<f64> {
    match (load, cell.parameters.slow) {
        (Load::Empty, _) => follow(cell, load, leakage, until, seconds),
        (Load::Current(current), None) => steady(cell, current + leakage, until, seconds),
        (Load::Source { target, resistance }, None) => {
            source(cell, target - leakage * resistance, resistance, until, seconds)
        }
        (Load::Current(current), Some(slow)) => {
            let net = current + leakage;
            let settled = |cell: &Supercap| is_slaved(cell, slow, net);
            match integrate(cell, slow, |_| net, until, seconds, settled) {
                End::Crossed(time) => Some(time),
                End::Over => None,
                End::Handover(time) => {
                    slaved(cell, slow, net, until, seconds - time).map(|more| time + more)
                }
            }
        }
        (Load::Source { target, resistance }, Some(slow)) => {
            let end = target - leakage * resistance;
            let settled = |cell: &Supercap| is_near(cell, end);
            match integrate(cell, slow, |v| (v - end) / resistance, until, seconds, settled) {
                End::Crossed(time) => Some(time),
                End::Over => None,
                End::Handover(time) => {
                    let load = Load::Source { target: end, resistance };
                    let mut frozen = *cell;
                    frozen.parameters.capacitance = cell.parameters.capacitance_at(end);
                    let more = follow(&mut frozen, load, 0.0, until, seconds - time);
                    (cell.voltage, cell.slow_voltage) = (frozen.voltage, frozen.slow_voltage);
                    more.map(|more| time + more)
                }
            }
        }
    }
}

/// As a linear circuit.
fn follow(
    cell: &mut Supercap,
    load: Load,
    leakage: f64,
    until: Crossing,
    seconds: f64,
) -> Option<f64> {
    let (fast, slow) = trajectories(cell, load, leakage);
    if let Some(time) = fast.time_to(until.level()).filter(|time| *time <= seconds) {
        cell.slow_voltage = slow.at(time);
        cell.voltage = until.level();
        return Some(time);
    }
    if seconds < f64::INFINITY {
        (cell.voltage, cell.slow_voltage) = (fast.at(seconds), slow.at(seconds));
    }
    None
}

/// At a constant current `net` \[A\], leakage included.
fn steady(cell: &mut Supercap, net: f64, until: Crossing, seconds: f64) -> Option<f64> {
    let charge = cell.parameters.charge_at(cell.voltage);
    let level = until.level();
    let time = (charge - cell.parameters.charge_at(level)) / net;
    if level.is_finite() && net != 0.0 && time >= 0.0 && time <= seconds {
        cell.voltage = level;
        return Some(time);
    }
    if seconds < f64::INFINITY {
        cell.voltage = cell.parameters.voltage_at(charge - net * seconds);
    }
    None
}

/// At a source of `end` \[V\], leakage included, behind `resistance` \[Ω\].
fn source(
    cell: &mut Supercap,
    end: f64,
    resistance: f64,
    until: Crossing,
    seconds: f64,
) -> Option<f64> {
    let growth = cell.parameters.growth;
    let at_end = cell.parameters.capacitance_at(end);
    let distance = cell.voltage - end;
    if distance == 0.0 {
        return None;
    }
    let level = until.level();
    let part = (level - end) / distance;
    if level.is_finite() && part > 0.0 {
        let time = -resistance * (at_end * libm::log(part) + growth * (level - cell.voltage));
        if time >= 0.0 && time <= seconds {
            cell.voltage = level;
            return Some(time);
        }
    }
    if seconds == f64::INFINITY {
        return None;
    }
    // From the exponential with the present capacitance, which is where Newton's first step leads.
    let mut logarithm = 0.0;
    for _ in 0..MOST_STEPS {
        let gone = libm::expm1(logarithm);
        let miss = at_end * logarithm + growth * distance * gone + seconds / resistance;
        let step = miss / (at_end + growth * distance * (1.0 + gone));
        // It only ever approaches the source.
        let next = (logarithm - step).min(0.0);
        let moved = (next - logarithm).abs();
        logarithm = next;
        if moved <= 1e-15 * logarithm.abs() {
            break;
        }
    }
    cell.voltage = end + distance * libm::exp(logarithm);
    None
}

/// What v - s settles at while the charge falls by `net` \[A\] \[V\].
fn difference(cell: &Supercap, slow: SlowBranch, net: f64, voltage: f64) -> f64 {
    let total = cell.parameters.capacitance_at(voltage) + slow.capacitance;
    -net * slow.resistance * slow.capacitance / total
}

/// Whether the slow branch follows the fast one, and the settled difference changes little while it
/// settles.
fn is_slaved(cell: &Supercap, slow: SlowBranch, net: f64) -> bool {
    let (v, growth) = (cell.voltage, cell.parameters.growth);
    let settled = difference(cell, slow, net, v);
    // At 0 V as well, where the total is least and the difference changes most.
    let least = cell.parameters.capacitance + slow.capacitance;
    let drift = difference(cell, slow, net, 0.0) * growth * net / (least * least);
    let lag = drift * slow.resistance * slow.capacitance;
    (v - cell.slow_voltage - settled).abs() <= NEAR * v.abs().max(1.0) && lag.abs() <= NEAR
}

/// All charge falls by `net` \[A\], the slow branch follows.
fn slaved(
    cell: &mut Supercap,
    slow: SlowBranch,
    net: f64,
    until: Crossing,
    seconds: f64,
) -> Option<f64> {
    let before = *cell;
    let other = |v: f64| v - difference(&before, slow, net, v);
    let charge = |v: f64| before.parameters.charge_at(v) + slow.capacitance * other(v);
    let now = charge(before.voltage);
    let level = until.level();
    let time = (now - charge(level)) / net;
    if level.is_finite() && net != 0.0 && time >= 0.0 && time <= seconds {
        (cell.voltage, cell.slow_voltage) = (level, other(level));
        return Some(time);
    }
    if seconds == f64::INFINITY {
        return None;
    }
    let wanted = now - net * seconds;
    let mut v = before.voltage;
    for _ in 0..MOST_STEPS {
        let step = (charge(v) - wanted) / (before.parameters.capacitance_at(v) + slow.capacitance);
        v -= step;
        if step.abs() <= 1e-14 {
            break;
        }
    }
    (cell.voltage, cell.slow_voltage) = (v, other(v));
    None
}

/// Whether both branches are so near to `end` \[V\] that a constant capacitance is as good.
fn is_near(cell: &Supercap, end: f64) -> bool {
    let away = (cell.voltage - end).abs().max((cell.slow_voltage - end).abs());
    cell.parameters.growth.abs() * away * away <= NEAR * 0.1 * cell.parameters.capacitance
}
