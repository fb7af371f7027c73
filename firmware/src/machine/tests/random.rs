//! What must hold under any sequence of inputs, edges missed and resets in between.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

/// An input that changes.
#[derive(Clone, Copy, Debug)]
enum Act {
    Supply(Supply),
    Caps(Caps),
    Button(Button),
    Request(PiRequest),
    Reset(Cause),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => Just(Act::Supply(Supply::Lost)),
        4 => Just(Act::Supply(Supply::Good)),
        1 => Just(Act::Caps(Caps::Charged)),
        1 => Just(Act::Caps(Caps::Unknown)),
        2 => Just(Act::Button(Button::Pressed)),
        3 => Just(Act::Button(Button::Released)),
        1 => Just(Act::Request(PiRequest::Active)),
        2 => Just(Act::Request(PiRequest::Inactive)),
        1 => prop_oneof![Just(Cause::Other), Just(Cause::Pin)].prop_map(Act::Reset),
    ]
}

fn pause() -> impl Strategy<Value = u32> {
    prop_oneof![0u32..30, 0u32..600, 0u32..4_000, 0u32..40_000, 0u32..400_000]
}

impl Act {
    fn on(self, board: &mut Board) {
        match self {
            Self::Supply(level) => board.inputs.supply = level,
            Self::Caps(level) => board.inputs.caps = level,
            Self::Button(level) => board.inputs.button = level,
            Self::Request(level) => board.inputs.pi_request = level,
            Self::Reset(cause) => board.machine = board.reset(cause),
        }
    }
}

fn acts() -> impl Strategy<Value = Vec<(u32, Act)>> {
    prop::collection::vec((pause(), act()), 1..16)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens(
        record in prop::sample::select(&Record::ALL[..]),
        acts in prop::collection::vec((pause(), act(), prop::bool::weighted(0.8)), 0..40),
    ) {
        let mut board = Board::power_on(record, QUIET);
        let mut check = Check::new(&board);
        for (pause, act, edge_wakes) in acts {
            check.run(&mut board, pause)?;
            act.on(&mut board);
            // An edge may be missed: levels decide.
            if edge_wakes {
                board.step();
                check.after_step(&board)?;
            }
        }
        check.settles(&mut board)?;
    }

    /// Two boards live through the same, and the clock of one is set back in the middle of it.
    #[test]
    fn a_clock_that_is_set_back_changes_nothing(
        record in prop::sample::select(&Record::ALL[..]),
        before in acts(),
        rest in pause(),
        after in acts(),
    ) {
        // So late that no instant is lost at zero.
        let late = Instant::LATE.as_millis() - 1;
        let mut straight = Board::power_on_at(late, record, QUIET);
        let mut set_back = Board::power_on_at(late, record, QUIET);
        for board in [&mut straight, &mut set_back] {
            live(board, &before);
            board.run_until(board.now + rest);
            board.changes.clear();
        }
        set_back.machine.set_back(Instant::SET_BACK);
        set_back.now -= Instant::SET_BACK.0;
        for board in [&mut straight, &mut set_back] {
            board.step();
            live(board, &after);
            board.run_until(board.now + 400_000);
        }
        let shifted = |(at, change)| (at + Instant::SET_BACK.0, change);
        let changes: Vec<_> = set_back.changes.into_iter().map(shifted).collect();
        prop_assert_eq!(changes, straight.changes);
    }
}

fn live(board: &mut Board, acts: &[(u32, Act)]) {
    for (pause, act) in acts {
        board.run_until(board.now + pause);
        act.on(board);
        board.step();
    }
}

/// What must hold after every step, seen from outside.
struct Check {
    before: Levels,
    enabled_at: u32,
    cut_at: Option<u32>,
    /// `power_good` went low with the Pi on.
    told_at: Option<u32>,
    opened_at: u32,
    good_since: Option<u32>,
}

impl Check {
    fn new(board: &Board) -> Self {
        Self {
            before: board.outputs.levels,
            enabled_at: 0,
            cut_at: None,
            told_at: None,
            opened_at: 0,
            good_since: Some(0),
        }
    }

    fn run(&mut self, board: &mut Board, pause: u32) -> Result<(), TestCaseError> {
        let end = board.now + pause;
        while let Some(wake) = board.outputs.wake {
            prop_assert!(wake.at > Instant::from_millis(board.now));
            if wake.at.as_millis() > end {
                break;
            }
            board.now = wake.at.as_millis();
            board.step();
            self.after_step(board)?;
        }
        board.now = end;
        Ok(())
    }

    fn after_step(&mut self, board: &Board) -> Result<(), TestCaseError> {
        let now = board.now;
        let (before, after) = (self.before, board.outputs.levels);
        // Twice for one instant is the same as once.
        let mut again = board.machine;
        let outputs = again.step(&CONFIG, Instant::from_millis(now), board.inputs);
        prop_assert_eq!(outputs, Outputs { store: None, ..board.outputs });
        prop_assert_eq!(&again, &board.machine);
        // The supply as the machine has seen it.
        self.good_since = match (board.inputs.supply, self.good_since) {
            (Supply::Lost, _) => None,
            (Supply::Good, None) => Some(now),
            (Supply::Good, since) => since,
        };
        if before.supply_enable == SupplyEnable::Off && after.supply_enable == SupplyEnable::On {
            let settled = self.good_since.is_some_and(|since| now - since >= 2_000);
            prop_assert!(settled, "started at {now} on an unsettled supply");
            let rested = self.cut_at.is_none_or(|cut| now - cut >= 2_500);
            prop_assert!(rested, "started at {now}, cut at {:?}", self.cut_at);
            self.enabled_at = now;
        }
        if before.load_switch == LoadSwitch::Closed && after.load_switch == LoadSwitch::Open {
            self.opened_at = now;
        }
        if after.load_switch == LoadSwitch::Closed {
            prop_assert_eq!(after.power_good, PowerGood::Released);
        }
        let fed = after.supply_enable == SupplyEnable::On;
        if fed && before.power_good == PowerGood::Released && after.power_good == PowerGood::Low {
            prop_assert!(now >= self.opened_at + 100 || self.opened_at == 0);
            self.told_at = Some(now);
        }
        if after.power_good == PowerGood::Released {
            prop_assert_eq!(self.told_at, None, "a told Pi is cut first");
        }
        if before.supply_enable == SupplyEnable::On && !fed {
            self.cut_at = Some(now);
            self.told_at = None;
        }
        self.before = after;
        Ok(())
    }

    /// Left alone long enough, the board is where levels and intent put it.
    fn settles(&mut self, board: &mut Board) -> Result<(), TestCaseError> {
        for supply in [board.inputs.supply, Supply::Lost, Supply::Good] {
            board.inputs = Inputs { supply, ..QUIET };
            board.step();
            self.after_step(board)?;
            self.run(board, 400_000)?;
            let on = board.machine.record().intent() == Intent::On && supply == Supply::Good;
            let enable = if on { SupplyEnable::On } else { SupplyEnable::Off };
            prop_assert_eq!(board.outputs.levels.supply_enable, enable);
            if on {
                prop_assert_eq!(board.outputs.levels.power_good, PowerGood::Released);
            }
        }
        Ok(())
    }
}
