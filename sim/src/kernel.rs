//! The event kernel: integer time, and a queue whose order is written down.
//!
//! **Order.** Events run by time. At one instant the plant goes before the device under test, and
//! both before stimuli ([`Rank`]); within a rank, first scheduled is first run. So a stimulus at
//! an instant meets a board that has finished everything due at that instant, and what the stimulus
//! causes comes after it.
//!
//! **Cancelling.** [`Queue::schedule`] returns a [`Key`]; a prediction that no longer holds is
//! cancelled by it. Cancelling what has run or was cancelled is harmless.
//!
//! There is no wall clock and no randomness here, and nothing depends on addresses or hashes.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use crate::quantity::Nanos;

/// Who goes first at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// The plant's predicted crossings and timers.
    Plant,
    /// The device under test's wake-ups.
    Dut,
    /// What the scenario does.
    Stimulus,
}

/// A scheduled event, for cancelling it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

/// The queue of what is still to come, and the time of what ran last.
#[derive(Debug)]
pub struct Queue<E> {
    now: Nanos,
    heap: BinaryHeap<Reverse<Item<E>>>,
    scheduled: u64,
    /// The numbers of what is in the heap and was not cancelled.
    live: BTreeSet<u64>,
}

#[derive(Debug)]
struct Item<E> {
    at: Nanos,
    rank: Rank,
    number: u64,
    event: E,
}

impl<E> Item<E> {
    const fn order(&self) -> (Nanos, Rank, u64) {
        (self.at, self.rank, self.number)
    }
}

impl<E> PartialEq for Item<E> {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl<E> Eq for Item<E> {}

impl<E> PartialOrd for Item<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Item<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { now: Nanos::ZERO, heap: BinaryHeap::new(), scheduled: 0, live: BTreeSet::new() }
    }
}

impl<E> Queue<E> {
    /// The time of the event that ran last.
    pub const fn now(&self) -> Nanos {
        self.now
    }

    /// Schedules `event`. A time that has passed counts as now.
    pub fn schedule(&mut self, at: Nanos, rank: Rank, event: E) -> Key {
        let number = self.scheduled;
        self.scheduled += 1;
        self.live.insert(number);
        self.heap.push(Reverse(Item { at: at.max(self.now), rank, number, event }));
        Key(number)
    }

    /// Takes a scheduled event back.
    pub fn cancel(&mut self, key: Key) {
        self.live.remove(&key.0);
    }

    /// When the next event is due; nothing of the queue happens before.
    pub fn next_at(&mut self) -> Option<Nanos> {
        while let Some(Reverse(item)) = self.heap.peek() {
            if self.live.contains(&item.number) {
                return Some(item.at);
            }
            self.heap.pop();
        }
        None
    }

    /// Takes the next event that is due at or before `end` and moves the time to it. When there is
    /// none, the time moves to `end` and stays there.
    pub fn run_until(&mut self, end: Nanos) -> Option<(Nanos, E)> {
        while let Some(Reverse(item)) = self.heap.peek() {
            if item.at > end {
                break;
            }
            let Some(Reverse(item)) = self.heap.pop() else {
                break;
            };
            if !self.live.remove(&item.number) {
                continue;
            }
            self.now = item.at;
            return Some((item.at, item.event));
        }
        self.now = self.now.max(end);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    fn drain<E>(queue: &mut Queue<E>) -> Vec<(u64, E)> {
        std::iter::from_fn(|| queue.run_until(Nanos(100))).map(|(at, e)| (at.0, e)).collect()
    }

    #[test]
    fn at_one_instant_rank_then_insertion_decide() {
        let mut queue = Queue::default();
        queue.schedule(Nanos(5), Rank::Stimulus, "stimulus");
        queue.schedule(Nanos(5), Rank::Dut, "dut");
        queue.schedule(Nanos(5), Rank::Plant, "plant 1");
        queue.schedule(Nanos(5), Rank::Plant, "plant 2");
        queue.schedule(Nanos(4), Rank::Stimulus, "early");
        let names: Vec<_> = drain(&mut queue).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["early", "plant 1", "plant 2", "dut", "stimulus"]);
    }

    #[test]
    fn the_time_ends_where_it_was_told_to() {
        let mut queue = Queue::default();
        queue.schedule(Nanos(10), Rank::Plant, ());
        assert_eq!(queue.run_until(Nanos(9)), None);
        assert_eq!(queue.now(), Nanos(9));
        assert_eq!(queue.run_until(Nanos(10)), Some((Nanos(10), ())));
        queue.schedule(Nanos(3), Rank::Plant, ());
        assert_eq!(queue.run_until(Nanos(20)), Some((Nanos(10), ())), "the past counts as now");
    }

    #[test]
    fn the_next_event_is_told_without_running_it() {
        let mut queue = Queue::default();
        assert_eq!(queue.next_at(), None);
        let early = queue.schedule(Nanos(3), Rank::Stimulus, 1);
        queue.schedule(Nanos(7), Rank::Plant, 2);
        assert_eq!((queue.next_at(), queue.now()), (Some(Nanos(3)), Nanos(0)));
        queue.cancel(early);
        assert_eq!(queue.next_at(), Some(Nanos(7)), "what was cancelled does not come");
        assert_eq!(drain(&mut queue), [(7, 2)]);
        assert_eq!(queue.next_at(), None);
    }

    #[test]
    fn cancelling_what_has_run_is_harmless() {
        let mut queue = Queue::default();
        let key = queue.schedule(Nanos(1), Rank::Plant, 1);
        assert_eq!(drain(&mut queue), [(1, 1)]);
        queue.cancel(key);
        queue.schedule(Nanos(200), Rank::Plant, 2);
        assert_eq!(queue.run_until(Nanos(300)), Some((Nanos(200), 2)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn order_is_time_rank_insertion_and_cancelled_events_never_run(
            items in prop::collection::vec((0u64..20, 0u8..3, any::<bool>()), 0..60),
        ) {
            let mut queue = Queue::default();
            let mut expected = Vec::new();
            for (number, &(at, rank, cancel)) in items.iter().enumerate() {
                let rank = [Rank::Plant, Rank::Dut, Rank::Stimulus][usize::from(rank)];
                let key = queue.schedule(Nanos(at), rank, number);
                if cancel {
                    queue.cancel(key);
                } else {
                    expected.push((at, rank, number));
                }
            }
            expected.sort();
            let run: Vec<_> = drain(&mut queue).into_iter().collect();
            let expected: Vec<_> = expected.into_iter().map(|(at, _, number)| (at, number)).collect();
            prop_assert_eq!(run, expected);
        }
    }
}
