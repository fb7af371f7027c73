//! O8: levels and intent decide (R11). 5 s after the last change the board is where they put it, unless it
//! waits for something that the rules name.
//!
//! Each rule is a condition that may last so long: a combination of supply, intent and outputs that a correct
//! board leaves by itself. The time counts from when the condition began or, since a wait may begin anew, from the
//! last change of the supply, of the intent or of the microcontroller.
//!
//! Leaves out stretches without a microcontroller or with an intent that more than one answer fits, and all but
//! the first rule where a stimulus holds an output: then it is not the firmware that decides.

use firmware::record::Intent;

use super::Invariants;
use super::told::SLACK;
use crate::quantity::Nanos;
use crate::scenario::{Act, BoardPin};
use crate::timeline::{Event, LoadSwitch, Mcu, PowerGood, SupplyEnable, SupplyGood};
use crate::verdict::found::Found;
use crate::verdict::trust::{Trust, Trusted};
use crate::verdict::{Margin, intent};

/// What the levels and the intent ask for is there by then \[s\].
const SETTLED: f64 = 5.0;

/// The levels of an instant; `None` until they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Levels {
    supply: Option<SupplyGood>,
    mcu: Option<Mcu>,
    enable: Option<SupplyEnable>,
    power_good: Option<PowerGood>,
    load_switch: Option<LoadSwitch>,
    intent: Option<Intent>,
}

/// A condition that a correct board leaves by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Untold,
    Unfed,
    Unwanted,
    Uncut,
    Shed,
}

impl Rule {
    const ALL: [Self; 5] = [Self::Untold, Self::Unfed, Self::Unwanted, Self::Uncut, Self::Shed];

    const fn name(self) -> &'static str {
        match self {
            Self::Untold => "not told of the loss",
            Self::Unfed => "wanted on, and off",
            Self::Unwanted => "wanted off, and not told",
            Self::Uncut => "told, and not cut",
            Self::Shed => "on, and the load switch open",
        }
    }

    /// Whether the condition is there.
    fn applies(self, levels: &Levels) -> bool {
        let is_good = levels.supply == Some(SupplyGood::High);
        let is_fed = levels.enable == Some(SupplyEnable::On);
        let is_alive = matches!(levels.mcu, Some(Mcu::On | Mcu::Reset));
        let is_released = levels.power_good == Some(PowerGood::Released);
        match self {
            Self::Untold => levels.supply == Some(SupplyGood::Low) && is_fed && is_released,
            Self::Unfed => {
                is_alive
                    && is_good
                    && levels.enable == Some(SupplyEnable::Off)
                    && levels.intent == Some(Intent::On)
            }
            Self::Unwanted => {
                let is_unwanted = matches!(levels.intent, Some(Intent::Off | Intent::AppShutdown));
                is_alive && is_fed && is_released && is_unwanted
            }
            Self::Uncut => is_alive && is_fed && levels.power_good == Some(PowerGood::Low),
            Self::Shed => {
                let is_open = levels.load_switch == Some(LoadSwitch::Open);
                is_alive && is_good && is_fed && is_released && is_open
            }
        }
    }

    /// Whether a change begins the wait anew although the condition stays.
    const fn is_disturbed(self) -> bool {
        match self {
            Self::Untold => false,
            Self::Unfed | Self::Unwanted | Self::Uncut | Self::Shed => true,
        }
    }
}

/// How long a condition lasted.
#[derive(Clone, Copy, Debug)]
struct Wait {
    rule: Rule,
    margin: Margin,
    from: Nanos,
    /// \[s\]
    length: f64,
}

impl Invariants<'_> {
    pub(super) fn levels_decide(&self) -> Found {
        let mut intents = intent::over_time(self.scenario, self.history).into_iter().peekable();
        let mut levels = Levels::default();
        for event in &self.history.timeline.initial {
            follow(&mut levels, *event);
        }
        let is_held = self.scenario.stimuli.iter().any(|stimulus| holds_an_output(&stimulus.act));
        let mut since = [None; Rule::ALL.len()];
        let mut trust = Trust::new(&self.scenario.config);
        let mut worst: Option<Wait> = None;
        let mut note = |wait: Wait| {
            let judged = !is_held || wait.rule == Rule::Untold;
            if judged && worst.is_none_or(|worst| wait.margin.is_thinner_than(&worst.margin)) {
                worst = Some(wait);
            }
        };
        let mut events = self.history.events().peekable();
        loop {
            let next_event = events.peek().map(|(at, _)| *at);
            let next_intent = intents.peek().map(|(at, _)| *at);
            let is_intent =
                next_intent.is_some_and(|at| next_event.is_none_or(|event| at <= event));
            let (before, trusted) = (levels, trust.state());
            let at = if is_intent {
                let Some((at, intent)) = intents.next() else { break };
                levels.intent = intent;
                at
            } else {
                let Some((at, event)) = events.next() else { break };
                follow(&mut levels, event);
                trust.follow(at, event);
                at
            };
            let is_disturbance = before.supply != levels.supply
                || before.intent != levels.intent
                || before.mcu != levels.mcu;
            for (rule, since) in Rule::ALL.into_iter().zip(&mut since) {
                let applies = rule.applies(&levels);
                if let Some(from) = *since
                    && (!applies || is_disturbance && rule.is_disturbed())
                {
                    note(self.wait(rule, trusted, from, at));
                    *since = None;
                }
                if applies && since.is_none() {
                    *since = Some(at);
                }
            }
        }
        for (rule, since) in Rule::ALL.into_iter().zip(since) {
            if let Some(from) = since {
                note(self.wait(rule, trust.state(), from, self.history.end));
            }
        }
        match worst {
            None => Found::held("nothing had to follow"),
            Some(Wait { rule, margin, from, length }) => {
                let limit = margin.allowance.unwrap_or_default();
                let name = rule.name();
                let detail = format!("{name} for {length:.3} s, limit {limit:.3} s");
                Found::measured(margin, from, detail)
            }
        }
    }

    fn wait(&self, rule: Rule, trusted: Trusted, from: Nanos, to: Nanos) -> Wait {
        let limit = self.limit(rule, trusted);
        let length = to.saturating_sub(from).as_secs_f64();
        Wait { rule, margin: Margin::seconds(limit - length, limit), from, length }
    }

    /// How long a condition may last \[s\].
    fn limit(&self, rule: Rule, trusted: Trusted) -> f64 {
        let config = &self.scenario.config;
        let rules = match rule {
            Rule::Untold => config.bridge.0 + config.load_switch_lead.0,
            Rule::Unfed => {
                let wait = match trusted {
                    Trusted::Yes => config.start_interval.0.max(config.repower_gap.0),
                    Trusted::No => config.load_test_backoff_max.0,
                };
                wait + config.supply_settle.0
            }
            Rule::Unwanted => config.load_switch_lead.0,
            Rule::Uncut => {
                config.power_good_delay.0 + config.boot_allowance.0 + config.shutdown_timeout.0
            }
            Rule::Shed => config.load_switch_delay.0,
        };
        SETTLED.max(self.by_its_clock(rules) + SLACK)
    }
}

fn follow(levels: &mut Levels, event: Event) {
    match event {
        Event::SupplyGood(supply) => levels.supply = Some(supply),
        Event::Mcu(mcu) => levels.mcu = Some(mcu),
        Event::SupplyEnable(enable) => levels.enable = Some(enable),
        Event::PowerGood(power_good) => levels.power_good = Some(power_good),
        Event::LoadSwitch(load_switch) => levels.load_switch = Some(load_switch),
        Event::Plug(_)
        | Event::CapsCharged(_)
        | Event::Button(_)
        | Event::PiRequest(_)
        | Event::StatusLed(_)
        | Event::PowerPath(_)
        | Event::Charger(_)
        | Event::Rail(_)
        | Event::Pi(_)
        | Event::FileSystem(_)
        | Event::Journal(_) => {}
    }
}

/// Whether it holds an output at a level, whatever the firmware drives.
fn holds_an_output(act: &Act) -> bool {
    let Act::Stuck { pin, .. } = act else { return false };
    match pin {
        BoardPin::SupplyEnable | BoardPin::PowerGood | BoardPin::LoadSwitch => true,
        BoardPin::SupplyGood
        | BoardPin::Button
        | BoardPin::PiRequest
        | BoardPin::CapsCharged
        | BoardPin::StatusLed => false,
    }
}
