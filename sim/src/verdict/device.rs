//! The device itself: a program that goes astray, or that never rests, fails the run.
//!
//! A HardFault counts even if the program recovers from it: nothing in a scenario should bring one
//! about.

use super::{Finding, Outcome};
use crate::bench::Run;
use crate::dut::{Ended, Fault, place};

/// What is wrong with the device.
pub(super) fn judge(run: &Run) -> Vec<Finding> {
    let Some(device) = &run.device else {
        return Vec::new();
    };
    let told = device.faults.len() as u64;
    let faults = device.faults.iter().map(fault);
    let more = (device.fault_count > told).then(|| Finding {
        text: "the program stays on its way".to_owned(),
        outcome: Outcome::Failed,
        margin: None,
        at: None,
        detail: format!("{} more faults", device.fault_count - told),
        line: None,
    });
    faults.chain(more).chain(device.ended.iter().map(ended)).collect()
}

fn fault(fault: &Fault) -> Finding {
    let place = place(fault.pc, fault.symbol.as_deref());
    let at = fault.at.in_seconds(3);
    Finding {
        text: "the program stays on its way".to_owned(),
        outcome: Outcome::Failed,
        margin: None,
        at: Some(fault.at),
        detail: format!("{} at {at} s, at {place}: {}", fault.kind.name(), fault.why),
        line: None,
    }
}

fn ended(ended: &Ended) -> Finding {
    let place = place(ended.pc, ended.symbol.as_deref());
    let at = ended.at.in_seconds(3);
    Finding {
        text: "the program keeps within its instructions".to_owned(),
        outcome: Outcome::Failed,
        margin: None,
        at: Some(ended.at),
        detail: format!(
            "stopped at {at} s after {} instructions, at {place}; --instructions allows more",
            ended.instructions
        ),
        line: None,
    }
}
