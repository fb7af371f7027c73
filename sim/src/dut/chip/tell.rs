//! What a run on the chip leaves to tell: resets, faults, oddities, in words.

use stm32l011::chip::{Chip, FaultInfo, ResetCause};

use crate::dut::{DeviceReport, Ended, Fault, FaultKind, Oddity};
use crate::quantity::Nanos;
use crate::symbols::Functions;

/// Faults that are kept in full; a program that faults for ever tells no more.
const MOST_FAULTS: usize = 8;

/// What was noticed while the chip ran.
#[derive(Debug, Default)]
pub(super) struct Told {
    resets: Vec<(&'static str, u64)>,
    faults: Vec<Fault>,
    fault_count: u64,
}

impl Told {
    /// The chip reset itself.
    pub(super) fn reset(&mut self, cause: ResetCause) {
        let name = reset_name(cause);
        match self.resets.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => self.resets.push((name, 1)),
        }
    }

    /// The program went astray.
    pub(super) fn fault(
        &mut self,
        at: Nanos,
        kind: FaultKind,
        info: &FaultInfo,
        symbols: &Functions,
    ) {
        self.fault_count += 1;
        if self.faults.len() < MOST_FAULTS {
            let symbol = symbols.name(info.pc).map(str::to_owned);
            self.faults.push(Fault { at, kind, pc: info.pc, symbol, why: info.to_string() });
        }
    }

    /// All of it, as it is now.
    pub(super) fn report(
        &self,
        chip: &Chip,
        symbols: &Functions,
        ended: Option<&Ended>,
    ) -> DeviceReport {
        let usage = chip.usage();
        let oddities = chip.report().entries().iter().map(|entry| Oddity {
            what: entry.finding.to_string(),
            place: entry.name(),
            bits: entry.bits,
            count: entry.count,
            first_pc: entry.first_pc,
            symbol: symbols.name(entry.first_pc).map(str::to_owned),
        });
        DeviceReport {
            instructions: usage.instructions,
            run: Nanos(usage.run),
            sleep: Nanos(usage.sleep),
            stop: Nanos(usage.stop),
            standby: Nanos(usage.standby),
            reset: Nanos(usage.reset),
            off: Nanos(usage.off),
            resets: self.resets.clone(),
            faults: self.faults.clone(),
            fault_count: self.fault_count,
            oddities: oddities.collect(),
            ended: ended.cloned(),
        }
    }
}

const fn reset_name(cause: ResetCause) -> &'static str {
    match cause {
        ResetCause::PowerOn => "power-on",
        ResetCause::BrownOut => "brown-out",
        ResetCause::Pin => "reset pin",
        ResetCause::Software => "software",
        ResetCause::Watchdog => "watchdog",
        ResetCause::WindowWatchdog => "window watchdog",
        ResetCause::LowPower => "low-power entry",
        ResetCause::OptionLoad => "option bytes",
        ResetCause::StandbyExit => "end of Standby",
    }
}
