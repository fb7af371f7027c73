//! How long this boot and the shutdown after it take, drawn anew whenever the Pi boots.
//!
//! The boot time is lognormal. So are ordinary shutdowns; a few are slow (databases, containers), fewer
//! wait for a stop job of systemd, and very few never end:
//! ```text
//!   u ~ uniform   │ endless │ stop job, uniform │ slow, uniform │ lognormal (median, spread) │
//! ```
//! Boots and shutdowns have a stream each, so that what the one consumes does not move the other.

use crate::chance::Chance;
use crate::parts;
use crate::quantity::Nanos;

/// The streams, and the values they are drawn around.
#[derive(Clone, Debug)]
pub(super) struct Times {
    boots: Chance,
    shutdowns: Chance,
    given: parts::Pi,
    /// A stimulus has said how long shutdowns take.
    told: bool,
}

/// A boot and the shutdown after it, as drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// When the boot began.
    pub at: Nanos,
    /// From then on until the Pi listens.
    pub boot: Nanos,
    /// From a shutdown's beginning to its end; [`Nanos::MAX`] is never.
    pub shutdown: Nanos,
}

impl Times {
    pub(super) fn new(seed: u32, given: parts::Pi) -> Self {
        let mut chance = Chance::new(u64::from(seed));
        Self { boots: chance.split(), shutdowns: chance.split(), given, told: false }
    }

    /// Draws for a boot at `now`, and puts it into `part`.
    pub(super) fn draw(&mut self, now: Nanos, part: &mut parts::Pi) -> Drawn {
        let given = &self.given;
        let boot = self.boots.lognormal(given.boot_time, given.boot_spread.0);
        part.boot_time = boot.max(part.boot_loader_time);
        let shutdown = shutdown(&mut self.shutdowns, given);
        if !self.told {
            part.shutdown_time = shutdown;
        }
        Drawn { at: now, boot: part.boot_time, shutdown: part.shutdown_time }
    }

    /// Constants changed during the run: what did not keeps its drawn value in `part`.
    pub(super) fn change(&mut self, mut part: parts::Pi, before: &parts::Pi) -> parts::Pi {
        self.told |= part.shutdown_time != self.given.shutdown_time;
        self.given = part.clone();
        part.boot_time = before.boot_time;
        if !self.told {
            part.shutdown_time = before.shutdown_time;
        }
        part
    }
}

fn shutdown(chance: &mut Chance, part: &parts::Pi) -> Nanos {
    let kind = chance.uniform();
    let endless = part.endless_shutdowns.0;
    let stop_job = endless + part.stop_jobs.0;
    if kind < endless {
        Nanos::MAX
    } else if kind < stop_job {
        chance.between(part.stop_job_min, part.stop_job_max)
    } else if kind < stop_job + part.slow_shutdowns.0 {
        chance.between(part.slow_shutdown_min, part.slow_shutdown_max)
    } else {
        chance.lognormal(part.shutdown_time, part.shutdown_spread.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::Library;

    fn part() -> parts::Pi {
        Library::builtin().find("pi-3b").unwrap_or_else(|_| panic!("the part is built in"))
    }

    #[test]
    fn shutdowns_fall_into_their_classes() {
        const MANY: usize = 100_000;
        let mut chance = Chance::new(3);
        let mut all: Vec<Nanos> = (0..MANY).map(|_| shutdown(&mut chance, &part())).collect();
        all.sort();
        let share =
            |least: Nanos| all.iter().filter(|time| **time >= least).count() as f64 / MANY as f64;
        assert!((share(Nanos::MAX) - 0.002).abs() < 0.000_5, "{}", share(Nanos::MAX));
        let stop_jobs = share(Nanos::from_secs(90)) - share(Nanos::MAX);
        assert!((stop_jobs - 0.005).abs() < 0.001, "{stop_jobs}");
        // Of the ordinary ones, 3.3 % take longer than 20 s.
        let slow = share(Nanos::from_secs(20)) - share(Nanos::from_secs(90));
        assert!((slow - (0.02 + 0.973 * 0.0338)).abs() < 0.003, "{slow}");
        let median = all[MANY / 2].as_secs_f64();
        assert!((median - 7.0).abs() < 0.2, "{median}");
    }

    #[test]
    fn a_seed_gives_the_same_times() {
        let drawn = |seed| {
            let mut part = part();
            let mut times = Times::new(seed, part.clone());
            [1, 2].map(|at| times.draw(Nanos(at), &mut part))
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        let [first, second] = drawn(7);
        assert_ne!(first.shutdown, second.shutdown);
    }

    #[test]
    fn a_told_time_is_not_drawn() {
        let mut part = part();
        let mut times = Times::new(7, part.clone());
        times.draw(Nanos::ZERO, &mut part);
        let drawn = part.shutdown_time;
        let drift = parts::PiOverride {
            running_current: Some(crate::quantity::Amps(1.0)),
            ..Default::default()
        };
        let other = times.change(times.given.clone().with(&drift), &part);
        assert_eq!(other.shutdown_time, drawn);
        let drift = parts::PiOverride { shutdown_time: Some(Nanos::SECOND), ..Default::default() };
        let mut told = times.change(times.given.clone().with(&drift), &other);
        assert_eq!(told.shutdown_time, Nanos::SECOND);
        times.draw(Nanos::SECOND, &mut told);
        assert_eq!(told.shutdown_time, Nanos::SECOND);
    }
}
