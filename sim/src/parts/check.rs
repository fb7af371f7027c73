//! Relations between the values of one part, without which its equations make no sense.

use std::fmt::Display;

use super::{Board, Cable, Caps, Overlay, Overload, Pi, Strip, Supply};
use crate::quantity::{Celsius, Farads, Ratio, Volts};

/// Values of a part that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The value to point at.
    pub field: &'static str,
    /// The other value of the contradiction, if there is one.
    pub other: Option<&'static str>,
    /// What is wrong.
    pub message: String,
    /// What was expected.
    pub expected: String,
}

/// The adapter's side of the board stands no more.
pub(crate) const MAX_LOW_VOLTAGE: Volts = Volts(60.0);
/// Less on the caps or the rail is a slip in the unit.
const MIN_CAPACITANCE: Farads = Farads(1e-6);

/// Collects flaws.
#[derive(Default)]
struct Flaws(Vec<Flaw>);

/// A value with its name.
type Named<T> = (&'static str, T);

impl Flaws {
    fn less<T: PartialOrd + Display>(&mut self, small: Named<T>, large: Named<T>) {
        if small.1 >= large.1 {
            self.relation(&small, "less than", &large);
        }
    }

    fn at_most<T: PartialOrd + Display>(&mut self, small: Named<T>, large: Named<T>) {
        if small.1 > large.1 {
            self.relation(&small, "at most", &large);
        }
    }

    fn positive<T: PartialOrd + Default + Display>(&mut self, (field, value): Named<T>) {
        if value <= T::default() {
            let message = format!("`{field}` is zero");
            let expected = "a value above zero".to_owned();
            self.0.push(Flaw { field, other: None, message, expected });
        }
    }

    fn wrong(&mut self, field: &'static str, what: &str, expected: &str) {
        let message = format!("`{field}` {what}");
        self.0.push(Flaw { field, other: None, message, expected: expected.to_owned() });
    }

    fn not_below<T: PartialOrd + Default + Display>(&mut self, (field, value): Named<T>, least: T) {
        if value > T::default() && value < least {
            self.beyond(field, &value, format!("at least {least}"));
        }
    }

    fn not_above<T: PartialOrd + Display>(&mut self, (field, value): Named<T>, most: T) {
        if value > most {
            self.beyond(field, &value, format!("at most {most}"));
        }
    }

    fn beyond(&mut self, field: &'static str, value: &impl Display, expected: String) {
        let message = format!("`{field}` ({value}) must be {expected}");
        self.0.push(Flaw { field, other: None, message, expected });
    }

    fn relation<T: Display>(&mut self, small: &Named<T>, must: &str, large: &Named<T>) {
        let message =
            format!("`{}` ({}) must be {must} `{}` ({})", small.0, small.1, large.0, large.1);
        let expected = format!("{must} {}", large.1);
        self.0.push(Flaw { field: small.0, other: Some(large.0), message, expected });
    }
}

impl Board {
    pub(super) fn list_flaws(&self) -> Vec<Flaw> {
        let mut flaws = Flaws::default();
        flaws.positive(("charge_current", self.charge_current));
        flaws.positive(("charge_voltage", self.charge_voltage));
        flaws.positive(("charge_resistance", self.charge_resistance));
        flaws.positive(("charge_efficiency", self.charge_efficiency));
        flaws.positive(("input_limit", self.input_limit));
        flaws.less(("headroom_off", self.headroom_off), ("headroom_on", self.headroom_on));
        flaws.positive(("power_fail", self.power_fail));
        flaws.positive(("power_fail_hysteresis", self.power_fail_hysteresis));
        flaws.positive(("backup_voltage", self.backup_voltage));
        flaws.positive(("boost_current_limit", self.boost_current_limit));
        flaws.at_most(("boost_end", self.boost_end), ("boost_lockout", self.boost_lockout));
        flaws.at_most(("boost_end", self.boost_end), ("hold_up_floor", self.hold_up_floor));
        flaws.less(("hold_up_floor", self.hold_up_floor), ("charge_voltage", self.charge_voltage));
        flaws.less(
            ("caps_charged_falling", self.caps_charged_falling),
            ("caps_charged_rising", self.caps_charged_rising),
        );
        flaws.less(("mcu_dead", self.mcu_dead), ("mcu_start", self.mcu_start));
        flaws.less(("mcu_start", self.mcu_start), ("charge_voltage", self.charge_voltage));
        flaws.positive(("mcu_regulator", self.mcu_regulator));
        flaws.less(("mcu_dropout", self.mcu_dropout), ("mcu_start", self.mcu_start));
        flaws.positive(("eeprom_operation", self.eeprom_operation));
        flaws.positive(("power_fail_delay", self.power_fail_delay));
        flaws.positive(("restart_delay", self.restart_delay));
        if self.back_feed_resistance.0 > 0.0 {
            flaws.positive(("input_load", self.input_load));
        }
        flaws.0
    }
}

impl Caps {
    pub(super) fn list_flaws(&self) -> Vec<Flaw> {
        let mut flaws = Flaws::default();
        flaws.positive(("capacitance", self.capacitance));
        flaws.not_below(("capacitance", self.capacitance), MIN_CAPACITANCE);
        flaws.not_below(("slow_capacitance", self.slow_capacitance), MIN_CAPACITANCE);
        if self.slow_capacitance.0 > 0.0 {
            flaws.positive(("slow_resistance", self.slow_resistance));
        }
        flaws.positive(("bypass", self.bypass));
        flaws.positive(("cell_rating", self.cell_rating));
        flaws.positive(("cold_capacitance", self.cold_capacitance));
        flaws.positive(("cold_esr", self.cold_esr));
        flaws.positive(("hot_leakage", self.hot_leakage));
        flaws.at_most(("top_cell_rating", self.top_cell_rating), ("cell_rating", self.cell_rating));
        if self.cold_temperature >= Celsius::REFERENCE {
            flaws.wrong("cold_temperature", "is not cold", "less than 25 degC");
        }
        if self.hot_temperature <= Celsius::REFERENCE {
            flaws.wrong("hot_temperature", "is not hot", "more than 25 degC");
        }
        flaws.less(
            ("hot_temperature", self.hot_temperature),
            ("top_temperature", self.top_temperature),
        );
        let left = 1.0 - self.age.0 * (1.0 - self.end_of_life_capacitance.0);
        if left <= 0.0 {
            flaws.wrong("age", "leaves nothing of the capacitance", "a younger stack");
        }
        flaws.0
    }
}

impl Supply {
    pub(super) fn list_flaws(&self) -> Vec<Flaw> {
        let mut flaws = Flaws::default();
        flaws.positive(("voltage", self.voltage));
        flaws.not_above(("voltage", self.voltage), MAX_LOW_VOLTAGE);
        if self.current_limit.0 > 0.0 {
            flaws.positive(("output_capacitance", self.output_capacitance));
            match self.overload {
                Overload::ConstantCurrent => {}
                Overload::Foldback => flaws.less(
                    ("short_circuit_current", self.short_circuit_current),
                    ("current_limit", self.current_limit),
                ),
                Overload::Hiccup => flaws.positive(("retry_time", self.retry_time)),
            }
        }
        if self.bulk_capacitance.0 > 0.0 {
            flaws.positive(("efficiency", self.efficiency));
            flaws.positive(("start_resistance", self.start_resistance));
            flaws.positive(("start_capacitance", self.start_capacitance));
            flaws.less(("stop_voltage", self.stop_voltage), ("start_voltage", self.start_voltage));
            flaws.at_most(("stop_voltage", self.stop_voltage), ("bulk_minimum", self.bulk_minimum));
        }
        flaws.0
    }
}

impl Strip {
    pub(super) fn list_flaws(&self) -> Vec<Flaw> {
        let mut flaws = Flaws::default();
        flaws.positive(("mains_voltage", self.mains_voltage));
        flaws.0
    }
}

impl Cable {
    #[expect(clippy::unused_self, reason = "any resistance makes a cable")]
    pub(super) fn list_flaws(&self) -> Vec<Flaw> {
        Vec::new()
    }
}

impl Pi {
    pub(super) fn list_flaws(&self) -> Vec<Flaw> {
        let mut flaws = Flaws::default();
        flaws.at_most(("boot_loader_time", self.boot_loader_time), ("boot_time", self.boot_time));
        flaws.less(("reset_voltage", self.reset_voltage), ("under_voltage", self.under_voltage));
        flaws.positive(("reset_voltage", self.reset_voltage));
        flaws.less(("reset_voltage", self.reset_voltage), ("start_voltage", self.start_voltage));
        if self.back_feed_voltage.0 > 0.0 {
            flaws.positive(("back_feed_resistance", self.back_feed_resistance));
        }
        flaws.positive(("rail_capacitance", self.rail_capacitance));
        flaws.not_below(("rail_capacitance", self.rail_capacitance), MIN_CAPACITANCE);
        flaws.positive(("rail_bleed", self.rail_bleed));
        flaws.at_most(
            ("boot_rom_time", self.boot_rom_time),
            ("boot_loader_time", self.boot_loader_time),
        );
        flaws.at_most(
            ("slow_shutdown_min", self.slow_shutdown_min),
            ("slow_shutdown_max", self.slow_shutdown_max),
        );
        flaws.at_most(("stop_job_min", self.stop_job_min), ("stop_job_max", self.stop_job_max));
        let kinds = self.endless_shutdowns.0 + self.stop_jobs.0 + self.slow_shutdowns.0;
        if kinds > 1.0 {
            let message = format!(
                "`slow_shutdowns`, `stop_jobs` and `endless_shutdowns` make {} of all shutdowns",
                Ratio(kinds)
            );
            let (field, other) = ("slow_shutdowns", Some("stop_jobs"));
            let expected = "at most 100 % together".to_owned();
            flaws.0.push(Flaw { field, other, message, expected });
        }
        if self.poweroff_overlay == Overlay::Present {
            flaws.positive(("poweroff_pulse", self.poweroff_pulse));
            flaws.positive(("poweroff_timeout", self.poweroff_timeout));
        }
        flaws.0
    }
}
