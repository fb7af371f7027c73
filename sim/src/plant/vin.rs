//! VIN while the adapter's output moves by itself: which of its voltages matter, and when it is there.
//!
//! The board's current is held constant from one event to the next, so `VIN = E − R I` moves as the
//! adapter's output capacitor does, and a threshold of VIN is one of E. A charger draws a constant power
//! rather than a current: while it does, and E moves or the adapter lives on its bulk capacitor, the
//! circuit is solved again every [`STEP`] of voltage or [`STRETCH`] of time.

use super::Plant;
use super::ltc4041::Source;
use super::rail::Rail;
use crate::timeline::{Plug, PowerPath};

/// A threshold counts as reached this far beyond it \[V\].
const BEYOND: f64 = 1e-9;
/// A charging board's current is taken as constant over so much of the adapter's voltage \[V\].
const STEP: f64 = 0.02;
/// And over so much time \[s\].
const STRETCH: f64 = 0.01;
/// The current of a rising rail beyond the adapter's limit is taken as constant over so much time \[s\].
const RISE_STRETCH: f64 = 20e-6;

impl Plant {
    /// Tells the adapter what it must give.
    pub(super) fn load_the_supply(&mut self) {
        let drawn = match self.cable.plug() {
            Plug::In => self.point.input,
            Plug::Out => 0.0,
        };
        // Until the power-fail comparator has answered, the board draws what it drew.
        let failing = self.ltc4041.path() == PowerPath::Normal
            && self.cable.plug() == Plug::In
            && self.point.vin < self.ltc4041.part().power_fail.0;
        self.supply.set_draw(if failing { drawn.max(self.supply.draw()) } else { drawn });
    }

    /// Seconds until VIN, moved by the adapter, matters to anybody.
    pub(super) fn vin_crossing(&self, source: Source) -> Option<f64> {
        if self.cable.plug() == Plug::Out {
            return None;
        }
        let normal = self.ltc4041.path() == PowerPath::Normal;
        let charges = normal && self.point.input > self.load();
        let rises = matches!(self.rail, Rail::Rising(_));
        let stretch = if rises && (self.supply.moves() || self.point.input >= source.limit) {
            Some(RISE_STRETCH)
        } else {
            (charges && self.supply.is_on_its_bulk()).then_some(STRETCH)
        };
        if !self.supply.moves() {
            return stretch;
        }
        let part = self.ltc4041.part();
        let drop = source.resistance * self.point.input;
        let fall = part.power_fail.0;
        let comparator = [fall, fall + part.power_fail_hysteresis.0].map(Some);
        // VSYS is below VIN by the input switch.
        let switch = part.input_switch.0 * self.load();
        let headroom = self.vscap() + switch;
        let vsys = [
            self.pi.part().under_voltage.0 + switch,
            headroom + part.headroom_off.0,
            headroom + part.headroom_on.0,
        ];
        let vsys = vsys.map(|vin| normal.then_some(vin));
        let mcu = self.mcu.thresholds(part);
        let thresholds = comparator.into_iter().chain(vsys).chain(mcu).flatten();
        let reached = thresholds.filter_map(|vin| {
            let there = vin + drop;
            let beyond = BEYOND.copysign(there - source.voltage);
            self.supply.reaches(there + beyond)
        });
        let steps = [source.voltage - STEP, source.voltage + STEP];
        let steps = steps.into_iter().filter(|_| charges);
        let stepped = steps.filter_map(|there| self.supply.reaches(there));
        reached.chain(stepped).chain(stretch).reduce(f64::min)
    }
}
