//! Energy: hold-up to spare, and whether a shutdown was possible at all.

use crate::bench::{Loss, Run};
use crate::parts::Board;
use crate::plant::ltc4041;
use crate::plant::supercap::Supercap;
use crate::quantity::Nanos;
use crate::timeline::{Event, Pi as Phase, SupplyEnable, SupplyGood, What};

use super::history::History;
use super::{EnergyInstant, EnergyMargin};

/// Hold-up at each halt of the Pi and at each cut of its supply.
pub(super) fn margins(run: &Run) -> Vec<EnergyMargin> {
    let timeline = &run.timeline;
    let asked = timeline.entries.iter().filter_map(|entry| {
        let what = match entry.what {
            What::Event(Event::Pi(Phase::Halted)) => EnergyInstant::Halted,
            What::Event(Event::SupplyEnable(SupplyEnable::Off)) => EnergyInstant::Cut,
            What::Event(_) | What::Stimulus(_) => return None,
        };
        let moment = timeline.moments.get(entry.moment)?;
        let hold_up = moment.hold_up?;
        let load = match what {
            EnergyInstant::Halted => moment.after.load_current,
            EnergyInstant::Cut => moment.before.load_current,
        };
        let used = used(run, entry.at, load, hold_up.joules);
        Some(EnergyMargin { what, at: entry.at, hold_up, used })
    });
    asked.collect()
}

/// What the capacitors gave from the loss of the supply until `at` \[J\], with `left` above the floor for
/// `load` \[A\] then; `None` if the supply was there, or they gave nothing.
fn used(run: &Run, at: Nanos, load: f64, left: f64) -> Option<f64> {
    let history = History { timeline: &run.timeline, end: run.end };
    let low = history.spans(Event::SupplyGood(SupplyGood::Low));
    let span = low.iter().find(|span| span.from <= at && (at < span.to || span.to_end))?;
    let loss = run.losses.iter().find(|loss| loss.at == span.from)?;
    let drive = ltc4041::boost(&loss.board, load);
    let used = loss.caps.energy_above(drive, loss.board.hold_up_floor.0) - left;
    (used > 0.0).then_some(used)
}

/// What the best possible firmware was short of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shortfall {
    /// Seconds that the capacitors would have had to last longer.
    pub(super) seconds: f64,
    /// The energy of that, at the Pi's rail \[J\].
    pub(super) joules: f64,
}

/// What a loss of the supply leaves to do for a Pi that is in its boot loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Cut it before it mounts anything: the load test is running.
    Cut,
    /// Carry it through boot and shutdown: the load test is over (R9), or nobody is left to cut.
    Carry,
}

/// Whether the capacitors at a loss of the supply could have carried a Pi that was told as soon as the
/// rules allow, `reaction` after the loss. `None` if they could.
///
/// `takes` are the times that a shutdown takes from then on, in order, by stimuli after the loss.
pub(super) fn shortfall(
    loss: &Loss,
    way: Way,
    reaction: Nanos,
    takes: &[(Nanos, Nanos)],
) -> Option<Shortfall> {
    let pi = &loss.pi;
    if pi.shutdown_time == Nanos::MAX {
        // No energy lasts for a shutdown that never ends.
        return None;
    }
    let display = pi.display_current.0;
    let rest =
        |ends: Option<Nanos>| ends.map_or(0.0, |ends| ends.saturating_sub(loss.at).as_secs_f64());
    let listen = reaction.saturating_add(pi.notice_debounce);
    // A shutdown takes what it takes when it begins.
    let shut_down = |begins: Nanos| {
        let latest = takes.iter().rfind(|(from, _)| *from <= begins).map(|(_, time)| *time);
        let time = latest.unwrap_or(pi.shutdown_time).as_secs_f64();
        (time, pi.shutdown_current.0 + display)
    };
    let program: Vec<(f64, f64)> = match loss.phase {
        Phase::Booting => {
            let begins = loss.phase_ends.unwrap_or(loss.at);
            vec![(rest(loss.phase_ends), pi.boot_current.0 + display), shut_down(begins)]
        }
        Phase::Running | Phase::Hung => {
            let running = (listen.as_secs_f64(), pi.running_current.0 + display);
            vec![running, shut_down(loss.at.saturating_add(listen))]
        }
        Phase::ShuttingDown => vec![(rest(loss.phase_ends), pi.shutdown_current.0 + display)],
        Phase::BootLoader if way == Way::Carry => {
            let begins = loss.at.saturating_add(pi.boot_time);
            vec![(pi.boot_time.as_secs_f64(), pi.boot_current.0 + display), shut_down(begins)]
        }
        // Nothing is mounted: a cut costs nothing.
        Phase::Off | Phase::BootLoader | Phase::Halted => return None,
    };
    carry(&loss.board, loss.caps, &program)
}

/// Runs the boost through `program`, pairs of seconds and load current \[A\].
fn carry(board: &Board, mut caps: Supercap, program: &[(f64, f64)]) -> Option<Shortfall> {
    let mut short: Option<Shortfall> = None;
    for &(seconds, current) in program {
        let power = board.backup_voltage.0 * current;
        let drive = ltc4041::boost(board, current);
        let ends = caps.time_to_end(drive, board.boost_end.0).unwrap_or(f64::INFINITY);
        let missing = if short.is_some() { seconds } else { (seconds - ends).max(0.0) };
        if missing > 0.0 {
            let sum = short.get_or_insert(Shortfall { seconds: 0.0, joules: 0.0 });
            sum.seconds += missing;
            sum.joules += missing * power;
        } else {
            caps.advance(drive, seconds);
        }
    }
    short
}
