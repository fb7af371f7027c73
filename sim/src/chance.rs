//! Chance: random numbers that are the same everywhere, and the distributions that parts are drawn from.
//!
//! SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014; constants
//! of its mixing function by D. Stafford, variant 13): one addition and one mixing of 64 bits a number, and
//! every seed is as good as any other. Normal numbers are Box and Muller's, with `libm`.
//!
//! Leaves out cryptography and long streams: a run draws a handful of numbers.

use crate::quantity::Nanos;

/// A stream of random numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chance(u64);

impl Chance {
    /// The stream that belongs to a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another stream, for something else.
    pub fn split(&mut self) -> Self {
        Self(self.bits())
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in 0 .. 1, without 1.
    pub fn uniform(&mut self) -> f64 {
        // 53 bits are what the fraction of an f64 holds.
        (self.bits() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Uniform between two times.
    pub fn between(&mut self, low: Nanos, high: Nanos) -> Nanos {
        let span = high.saturating_sub(low).as_secs_f64();
        low.saturating_add(Nanos::from_secs_f64(self.uniform() * span))
    }

    /// Normal, with mean 0 and standard deviation 1.
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.uniform()));
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }

    /// A time whose logarithm is normal, by its median and the standard deviation of that logarithm.
    pub fn lognormal(&mut self, median: Nanos, spread: f64) -> Nanos {
        Nanos::from_secs_f64(median.as_secs_f64() * libm::exp(spread * self.normal()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: usize = 100_000;

    fn sorted(mut draw: impl FnMut(&mut Chance) -> f64) -> Vec<f64> {
        let mut chance = Chance::new(1);
        let mut all: Vec<f64> = (0..MANY).map(|_| draw(&mut chance)).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    #[track_caller]
    fn near(value: f64, wanted: f64, error: f64) {
        assert!((value - wanted).abs() <= error, "{value}, not {wanted}");
    }

    /// The first numbers of the authors' own program with seed 1234567.
    #[test]
    fn the_stream_is_the_published_one() {
        let mut chance = Chance::new(1_234_567);
        let first: Vec<u64> = (0..5).map(|_| chance.bits()).collect();
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821,
            ]
        );
    }

    #[test]
    fn uniform_numbers_are_even() {
        let all = sorted(Chance::uniform);
        assert!(all.first().is_some_and(|x| *x >= 0.0) && all.last().is_some_and(|x| *x < 1.0));
        near(all.iter().sum::<f64>() / MANY as f64, 0.5, 0.004);
        for tenth in 1..10 {
            near(all[MANY / 10 * tenth], tenth as f64 / 10.0, 0.006);
        }
    }

    #[test]
    fn normal_numbers_have_their_moments_and_quantiles() {
        let all = sorted(Chance::normal);
        let mean = all.iter().sum::<f64>() / MANY as f64;
        let moment =
            |power: fn(f64) -> f64| all.iter().map(|x| power(x - mean)).sum::<f64>() / MANY as f64;
        near(mean, 0.0, 0.015);
        near(moment(|x| x * x), 1.0, 0.02);
        near(moment(|x| x * x * x), 0.0, 0.04);
        near(moment(|x| x * x * x * x), 3.0, 0.12);
        for (share, quantile) in
            [(0.05, -1.644_854), (0.5, 0.0), (0.95, 1.644_854), (0.99, 2.326_348)]
        {
            near(all[(share * MANY as f64) as usize], quantile, 0.03);
        }
    }

    #[test]
    fn lognormal_times_have_their_median_and_spread() {
        let all = sorted(|chance| chance.lognormal(Nanos::from_secs(7), 0.574).as_secs_f64());
        near(all[MANY / 2], 7.0, 0.07);
        near(all[MANY / 20 * 19], 18.0, 0.3);
        let mean = all.iter().sum::<f64>() / MANY as f64;
        near(mean, 7.0 * libm::exp(0.574 * 0.574 / 2.0), 0.08);
    }

    #[test]
    fn streams_of_one_seed_differ() {
        let mut chance = Chance::new(7);
        let (mut one, mut other) = (chance.split(), chance.split());
        assert_ne!(one.bits(), other.bits());
    }
}
