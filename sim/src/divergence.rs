//! Where two runs of a scenario differ by more than their clocks explain.
//!
//! **Rule.** Each subject takes the same values in the same order in both runs. The times of a record
//! may differ, but only as clocks drift: with the offset of a record, the second run's time less the
//! first's, there is a record that is earlier in one of them, a stimulus, or the beginning, `j`, from which
//! this one `i` can have come, each `t` being the later of a record's two times:
//!
//! ```text
//! |offset_i − offset_j| ≤ latency_j + resets_ji · reset + epsilon · (t_i − t_j)
//! ```
//!
//! What the device does itself comes of nothing that is longer ago than its firmware counts. What the
//! board does may: voltages that creep for weeks. Each of the resets between `j` and `i` may cost time
//! of its own.
//!
//! So an offset that is there already is carried along and never counts twice, and what nothing
//! explains is a difference, however small. Records that only one run has are none if their like may
//! lie behind the end. The constants and their reasons are in
//! [`Tolerance`] and [`timing`](crate::dut::timing).
//!
//! **Starts.** While a device starts its pins float, then show what its firmware makes of what little it
//! knows. So of the records in the time of a start, after a power-on, a reset or the beginning, only
//! the last of each subject counts, and none if it leaves the subject as it was.
//!
//! A pure function of two timelines. Values of quantities are not compared: they follow from the records.
//! Leaves out which of several causes it was: any earlier record may explain a later one.

mod tolerance;

pub use tolerance::Tolerance;

use std::collections::BTreeMap;

use crate::dut::timing::START;
use crate::quantity::Nanos;
use crate::timeline::{Entry, Event, Mcu, Timeline, What};

/// What a record is about: a subject of the vocabulary, or a stimulus of the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// By its name.
    Named(&'static str),
    /// Stimuli, all together.
    Stimulus,
}

/// What two runs have in common, and where that ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// How many records were found in both runs.
    pub matched: usize,
    /// The largest difference in time that is explained.
    pub largest: Option<Shift>,
    /// The first difference that is not.
    pub divergence: Option<Divergence>,
}

/// A difference in the time of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// The record, in the first run.
    pub first: usize,
    /// The record, in the second run.
    pub second: usize,
    /// The second run's time less the first's \[ns\].
    pub offset: i64,
    /// How much of it came since the record that explains it best \[ns\].
    pub moved: Nanos,
    /// How much may have come since then.
    pub limit: Nanos,
}

/// A difference that the clocks do not explain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Divergence {
    /// A subject has other values at time zero.
    Initial {
        /// In the first run.
        first: Option<Event>,
        /// In the second run.
        second: Option<Event>,
    },
    /// A subject took another value.
    Value {
        /// The record in the first run.
        first: usize,
        /// The record in the second run.
        second: usize,
    },
    /// Only the first run has it.
    OnlyFirst {
        /// The record.
        first: usize,
        /// How many records the other run has before the same time.
        before: usize,
    },
    /// Only the second run has it.
    OnlySecond {
        /// The record.
        second: usize,
        /// How many records the other run has before the same time.
        before: usize,
    },
    /// Both have it, at times too far apart.
    Time(Shift),
}

/// A time from which later records may have come.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    at: Nanos,
    offset: i64,
    latency: Nanos,
    /// How many resets there were until then, this one included if it is one.
    resets: u64,
}

/// A record that is to be explained.
#[derive(Clone, Copy, Debug)]
struct Come {
    at: Nanos,
    what: What,
    /// Resets until then, in all.
    resets: u64,
}

impl Anchor {
    /// How far a record may have moved since; `None` if it cannot have come from here.
    fn limit(&self, come: Come, tolerance: &Tolerance) -> Option<Nanos> {
        let elapsed = come.at.saturating_sub(self.at);
        if is_the_device_s(come.what) && elapsed > tolerance.memory {
            return None;
        }
        let lost = tolerance.reset().saturating_mul(come.resets.saturating_sub(self.resets));
        let drifted = Nanos((elapsed.0 as f64 * tolerance.epsilon).ceil() as u64);
        Some(self.latency.saturating_add(lost).saturating_add(drifted))
    }
}

/// Compares two runs of one scenario that ended at `end`.
#[must_use]
pub fn compare(
    first: &Timeline,
    second: &Timeline,
    end: Nanos,
    tolerance: &Tolerance,
) -> Comparison {
    let mut comparison = Comparison { matched: 0, largest: None, divergence: None };
    let (one, other) = (settled(first), settled(second));
    if let Some(divergence) = initial(&one, &other) {
        comparison.divergence = Some(divergence);
        return comparison;
    }
    let mut pairing = Pairing::new(second, &other.records);
    let mut anchors = vec![Anchor {
        // What began before time zero counts since then.
        at: Nanos::ZERO,
        offset: 0,
        latency: tolerance.beginning(),
        resets: 0,
    }];
    let mut resets = 0;
    // Values that differ, and records without a partner.
    let mut candidates = Vec::new();
    let mut pairs = Vec::new();
    for (index, entry) in one.records.iter().map(|index| (*index, &first.entries[*index])) {
        let Some(partner) = pairing.partner(subject(entry.what)) else {
            candidates.push((entry.at, Divergence::OnlyFirst { first: index, before: 0 }));
            continue;
        };
        let other = second.entries[partner];
        if other.what != entry.what {
            let value = Divergence::Value { first: index, second: partner };
            candidates.push((entry.at.min(other.at), value));
            pairing.give_up(subject(entry.what));
            continue;
        }
        pairs.push((index, partner));
    }
    comparison.matched = pairs.len();
    // What came before a record in either run may explain it.
    pairs.sort_by_key(|(index, partner)| first.entries[*index].at.max(second.entries[*partner].at));
    for (index, partner) in pairs {
        let (entry, other) = (&first.entries[index], &second.entries[partner]);
        let offset = signed(other.at) - signed(entry.at);
        let at = entry.at.max(other.at);
        let come = Come { at, what: entry.what, resets };
        let shift = explained(&anchors, come, offset, tolerance, (index, partner));
        match shift {
            Ok(shift) => {
                let largest = comparison.largest.map_or(0, |largest| largest.offset.abs());
                if offset.abs() > largest {
                    comparison.largest = Some(shift);
                }
                let latency = tolerance.latency(entry.what);
                resets += u64::from(starts(entry.what) == Some(Mcu::Reset));
                anchors.push(Anchor { at, offset, latency, resets });
            }
            Err(shift) => candidates.push((entry.at.min(other.at), Divergence::Time(shift))),
        }
    }
    for index in pairing.left(second) {
        let at = second.entries[index].at;
        candidates.push((at, Divergence::OnlySecond { second: index, before: 0 }));
    }
    let ahead = |entry: &Entry, sign| {
        let come = Come { at: entry.at, what: entry.what, resets };
        !may_lie_behind(&anchors, come, end, sign, tolerance)
    };
    candidates.retain(|(_, divergence)| match divergence {
        Divergence::OnlyFirst { first: index, .. } => ahead(&first.entries[*index], 1),
        Divergence::OnlySecond { second: index, .. } => ahead(&second.entries[*index], -1),
        Divergence::Initial { .. } | Divergence::Value { .. } | Divergence::Time(_) => true,
    });
    let found = candidates.into_iter().min_by_key(|(at, _)| *at);
    comparison.divergence = found.map(|(at, divergence)| located(divergence, at, first, second));
    comparison
}

/// With the place in the run that does not have the record.
fn located(divergence: Divergence, at: Nanos, first: &Timeline, second: &Timeline) -> Divergence {
    let before = |timeline: &Timeline| timeline.entries.partition_point(|entry| entry.at <= at);
    match divergence {
        Divergence::OnlyFirst { first, .. } => {
            Divergence::OnlyFirst { first, before: before(second) }
        }
        Divergence::OnlySecond { second, .. } => {
            Divergence::OnlySecond { second, before: before(first) }
        }
        Divergence::Initial { .. } | Divergence::Value { .. } | Divergence::Time(_) => divergence,
    }
}

/// A run without the transients of its starts.
struct Settled {
    /// The state of each subject once the beginning was over.
    initial: BTreeMap<&'static str, Event>,
    /// The records that count.
    records: Vec<usize>,
}

fn settled(timeline: &Timeline) -> Settled {
    let mut initial: BTreeMap<_, _> =
        timeline.initial.iter().map(|event| (event.subject(), *event)).collect();
    let mut states = initial.clone();
    let mut records = Vec::new();
    // The records of a start: when it is over, and by subject the last one and the state before.
    let mut ends = START;
    let mut starting: BTreeMap<&'static str, (usize, Option<Event>)> = BTreeMap::new();
    let mut beginning = true;
    let mut close = |starting: &mut BTreeMap<&'static str, (usize, Option<Event>)>,
                     records: &mut Vec<usize>,
                     beginning: bool| {
        for (subject, (index, before)) in std::mem::take(starting) {
            let What::Event(last) = timeline.entries[index].what else { continue };
            // What happens on its own at the beginning is no start; only what the pins show is.
            if beginning && is_pin(last) {
                initial.insert(subject, last);
            } else if before != Some(last) {
                records.push(index);
            }
        }
    };
    for (index, entry) in timeline.entries.iter().enumerate() {
        if entry.at > ends {
            close(&mut starting, &mut records, beginning);
            beginning = false;
        }
        let What::Event(event) = entry.what else {
            records.push(index);
            continue;
        };
        if matches!(starts(entry.what), Some(Mcu::On | Mcu::Reset)) {
            close(&mut starting, &mut records, beginning);
            beginning = false;
            ends = entry.at.saturating_add(START);
            records.push(index);
        } else if entry.at <= ends && !matches!(event, Event::Journal(_)) {
            let before = states.get(event.subject()).copied();
            starting.entry(event.subject()).or_insert((index, before)).0 = index;
        } else {
            records.push(index);
        }
        states.insert(event.subject(), event);
    }
    close(&mut starting, &mut records, beginning);
    records.sort_unstable();
    Settled { initial, records }
}

/// Whether it is about an output of the device.
fn is_pin(event: Event) -> bool {
    matches!(
        event,
        Event::SupplyEnable(_) | Event::PowerGood(_) | Event::LoadSwitch(_) | Event::StatusLed(_)
    )
}

/// Whether the device did it itself: an output, or a record in its journal.
fn is_the_device_s(what: What) -> bool {
    match what {
        What::Event(event) => is_pin(event) || matches!(event, Event::Journal(_)),
        What::Stimulus(_) => false,
    }
}

fn initial(first: &Settled, second: &Settled) -> Option<Divergence> {
    let subjects = first.initial.keys().chain(second.initial.keys());
    subjects
        .map(|subject| (first.initial.get(subject).copied(), second.initial.get(subject).copied()))
        .find(|(one, other)| one != other)
        .map(|(first, second)| Divergence::Initial { first, second })
}

/// The best explanation of an offset: the latest anchor from which it can have come; else, as an
/// error, the one that explains most.
fn explained(
    anchors: &[Anchor],
    come: Come,
    offset: i64,
    tolerance: &Tolerance,
    (first, second): (usize, usize),
) -> Result<Shift, Shift> {
    let mut nearest = Shift { first, second, offset, moved: Nanos(u64::MAX), limit: Nanos::ZERO };
    for anchor in anchors.iter().rev() {
        let moved = Nanos(offset.abs_diff(anchor.offset));
        let Some(limit) = anchor.limit(come, tolerance) else { continue };
        let shift = Shift { moved, limit, ..nearest };
        if moved <= limit {
            return Ok(shift);
        }
        if moved.saturating_sub(limit) < nearest.moved.saturating_sub(nearest.limit) {
            nearest = shift;
        }
    }
    Err(nearest)
}

/// Whether the partner of a record may come only after the end. `sign` is that of the offset
/// which a later partner would have.
fn may_lie_behind(
    anchors: &[Anchor],
    come: Come,
    end: Nanos,
    sign: i64,
    tolerance: &Tolerance,
) -> bool {
    let missing = signed(end.saturating_sub(come.at));
    anchors.iter().filter(|anchor| anchor.at <= come.at).any(|anchor| {
        let limit = anchor.limit(come, tolerance);
        limit.is_some_and(|limit| (sign * anchor.offset).saturating_add(signed(limit)) >= missing)
    })
}

fn signed(time: Nanos) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

fn subject(what: What) -> Subject {
    match what {
        What::Event(event) => Subject::Named(event.subject()),
        What::Stimulus(_) => Subject::Stimulus,
    }
}

/// The second run's records by subject, each taken once, in order.
struct Pairing {
    queues: BTreeMap<Subject, std::vec::IntoIter<usize>>,
}

impl Pairing {
    fn new(timeline: &Timeline, records: &[usize]) -> Self {
        let mut lists: BTreeMap<Subject, Vec<usize>> = BTreeMap::new();
        for index in records {
            lists.entry(subject(timeline.entries[*index].what)).or_default().push(*index);
        }
        Self { queues: lists.into_iter().map(|(key, list)| (key, list.into_iter())).collect() }
    }

    /// The next record of a subject.
    fn partner(&mut self, subject: Subject) -> Option<usize> {
        self.queues.get_mut(&subject)?.next()
    }

    /// After a value that differs, the rest of a subject tells nothing.
    fn give_up(&mut self, subject: Subject) {
        self.queues.remove(&subject);
    }

    /// The first record of each subject that nobody took.
    fn left(mut self, timeline: &Timeline) -> Vec<usize> {
        let mut left: Vec<usize> = self.queues.values_mut().filter_map(Iterator::next).collect();
        left.sort_by_key(|index| timeline.entries[*index].at);
        left
    }
}

/// Whether the microcontroller starts anew with a record.
pub(crate) fn starts(what: What) -> Option<Mcu> {
    match what {
        What::Event(Event::Mcu(mcu)) => Some(mcu),
        What::Stimulus(_)
        | What::Event(
            Event::Plug(_)
            | Event::SupplyGood(_)
            | Event::CapsCharged(_)
            | Event::Button(_)
            | Event::PiRequest(_)
            | Event::SupplyEnable(_)
            | Event::PowerGood(_)
            | Event::LoadSwitch(_)
            | Event::StatusLed(_)
            | Event::PowerPath(_)
            | Event::Charger(_)
            | Event::Rail(_)
            | Event::Pi(_)
            | Event::FileSystem(_)
            | Event::Journal(_),
        ) => None,
    }
}

#[cfg(test)]
mod tests;
