//! How the chip runs: from one event to the next.

use super::types::Spent;
use super::{Chip, FaultInfo, ResetCause, State, Stopped};
use crate::core::{Depth, Exit, Fault, Nvm, Register};
use crate::nvm::Begun;
use crate::options::OnEntry;
use crate::pin::Pin;
use crate::pwr::DeepSleep;
use crate::report::Finding;
use crate::time::Time;

/// Whether the core may go on at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// It may, up to the same horizon.
    GoOn,
    /// What the chip does has to be looked at anew.
    Return,
}

impl Chip {
    /// Runs to `until`, exclusive: all instructions that begin before it. Comes back earlier for
    /// whatever [`Stopped`] tells, at [`Chip::now`].
    pub fn run(&mut self, until: Time) -> Stopped {
        loop {
            if let Some((at, told)) = self.pending {
                if at > until {
                    self.pass(until);
                    return Stopped::Until;
                }
                self.pending = None;
                self.pass(at);
                match told {
                    Stopped::Pins | Stopped::Reset(_) => self.publish_pins(),
                    Stopped::Until
                    | Stopped::NvmBegan
                    | Stopped::NvmDone
                    | Stopped::Fault(_)
                    | Stopped::Lockup(_)
                    | Stopped::Instructions
                    | Stopped::Breakpoint => {}
                }
                return told;
            }
            if self.now >= until {
                return Stopped::Until;
            }
            if self.ahead.0 > self.now {
                self.pass(self.ahead.0.min(until));
                continue;
            }
            match self.state {
                State::Off | State::Held => self.pass(until),
                State::Starting(at) => self.start(at, until),
                State::Running => self.run_core(until),
                State::Stopped => self.stop(until),
                State::Standby => self.stand_by(until),
                State::Waking(at) => self.wake(at, until),
            }
        }
    }

    /// Waits for the end of a reset, and starts.
    fn start(&mut self, at: Time, until: Time) {
        if at > until {
            self.pass(until);
            return;
        }
        self.pass(at);
        self.state = State::Running;
        self.system.rcc.start_core(at, self.core.cycle());
        self.system.begin(at);
        self.core.reset(&mut self.memory, &mut self.system);
        self.system.advance(self.core.cycle(), at);
    }

    /// The core's clock runs: executes, sleeps or stalls up to the next event, at most to `until`.
    fn run_core(&mut self, until: Time) {
        // An instruction that faulted may have written before; a store may have waited.
        if (self.system.attention || self.system.pins_changed) && self.wrote(until) == Then::Return
        {
            return;
        }
        let horizon = self.system.rcc.core.first_from(until);
        loop {
            let cycle = self.core.cycle();
            let next = self.system.next_cycle();
            if cycle >= next {
                let now = self.system.time_of(cycle);
                self.happen(cycle, now, until);
                return;
            }
            if cycle >= horizon {
                self.pass(until);
                return;
            }
            if self.execute(next.min(horizon), until) == Then::Return {
                return;
            }
        }
    }

    /// Executes up to the cycle `next`, or until something comes of it, and does that.
    fn execute(&mut self, next: u64, until: Time) -> Then {
        // Time without instructions is accounted for before there are any.
        let before = self.running();
        if before != Spent::Run {
            self.reach(until, before);
        }
        if self.hung {
            self.core.idle_until(next);
            self.reach(until, Spent::Run);
            return Then::GoOn;
        }
        let instructions = self.core.instructions();
        let exit = self.core.run(&mut self.memory, &mut self.system, next);
        self.stalled = exit == Exit::Stalled;
        match exit {
            Exit::Until => return Then::GoOn,
            Exit::Wrote => return self.wrote(until),
            Exit::Asleep(depth) => {
                // Asleep as before, or anew?
                let anew = self.core.instructions() != instructions;
                self.usage.sleeps += u64::from(anew && depth == Depth::Sleep);
                self.sleep(depth, next, until);
            }
            Exit::Stalled => {
                self.reach(until, Spent::Run);
                self.core.idle_until(next);
                self.reach(until, Spent::Stalled);
                return Then::GoOn;
            }
            Exit::ResetRequest => {
                let now = self.reach(until, Spent::Run);
                self.reset_itself(now, ResetCause::Software);
            }
            Exit::Fault(fault) => self.tell(until, Stopped::Fault(self.fault_info(&fault))),
            Exit::Lockup(_) if self.lockup_told => {
                self.core.idle_until(next);
                return Then::GoOn;
            }
            Exit::Lockup(fault) => {
                self.lockup_told = true;
                self.tell(until, Stopped::Lockup(self.fault_info(&fault)));
            }
            Exit::Instructions => self.tell(until, Stopped::Instructions),
            Exit::Breakpoint => self.tell(until, Stopped::Breakpoint),
        }
        Then::Return
    }

    /// The time that the core has reached; [`Chip::now`] follows, but not beyond `until`.
    fn reach(&mut self, until: Time, on: Spent) -> Time {
        let now = self.system.time_of(self.core.cycle());
        self.reach_time(now, until, on);
        now
    }

    /// The same for a time that may lie a little ahead of `until`.
    fn reach_time(&mut self, now: Time, until: Time, on: Spent) {
        self.spend(now.min(until), on);
        if now > self.ahead.0 {
            self.ahead = (now, on);
        }
    }

    /// Something is to be told at the time that the core has reached.
    fn tell(&mut self, until: Time, told: Stopped) {
        let now = self.reach(until, Spent::Run);
        self.pending = Some((now, told));
    }

    fn fault_info(&self, fault: &Fault) -> FaultInfo {
        FaultInfo {
            cause: fault.cause,
            pc: fault.pc,
            address: fault.address,
            lr: self.core.register(Register::Core(14)),
            sp: self.core.register(Register::Core(13)),
        }
    }

    /// Something was written: what comes of it?
    fn wrote(&mut self, until: Time) -> Then {
        self.send_events();
        // Pins first: what else was written is looked at when they have been told.
        if self.pins_differ() {
            self.tell(until, Stopped::Pins);
            return Then::Return;
        }
        if !std::mem::replace(&mut self.system.attention, false) {
            return Then::GoOn;
        }
        if let Some(cause) = self.system.take_reset_request() {
            let now = self.reach(until, Spent::Run);
            self.reset_itself(now, cause);
            return Then::Return;
        }
        self.begin_stores(until);
        if self.system.nvm.take_option_load() {
            let now = self.reach(until, Spent::Run);
            self.reset_itself(now, ResetCause::OptionLoad);
            return Then::Return;
        }
        self.core.set_wait_states(self.system.nvm.wait_states());
        self.memory.at_zero = self.system.syscfg.at_zero();
        // The core's clock may be another one.
        Then::Return
    }

    /// Whether a pin does something else than what was told.
    fn pins_differ(&mut self) -> bool {
        std::mem::replace(&mut self.system.pins_changed, false)
            && Pin::ALL.iter().any(|&pin| self.system.pin(pin) != self.pins[pin.index()])
    }

    /// Begins the stores to non-volatile memory that wait; one that runs makes the others go on waiting.
    fn begin_stores(&mut self, until: Time) {
        while let Some(request) = self.system.nvm.take_request() {
            let now = self.system.time_of(self.core.cycle());
            let (options, timing) = (self.system.options, self.system.timing);
            let flash = self.memory.flash();
            match self.system.nvm.begin(request, flash, &options, now, &timing) {
                Begun::Running => {
                    self.usage.nvm_operations += 1;
                    if self.system.pwr.in_range_3() {
                        self.system.note(Finding::LowestRange, request.address, 0);
                    }
                    self.core.set_nvm(Nvm::Busy);
                    self.tell(until, Stopped::NvmBegan);
                }
                Begun::Refused => self.system.note(Finding::Refused, request.address, 0),
                Begun::Unmodelled => self.system.note(Finding::UnmodelledMode, request.address, 0),
            }
            self.system.memory_changed();
        }
    }

    /// What is due by this cycle and time happens. [`Chip::now`] follows, but not beyond `until`.
    fn happen(&mut self, cycle: u64, now: Time, until: Time) {
        let now = now.max(self.now);
        self.system.advance(cycle, now);
        self.send_events();
        if let Some(cause) = self.system.take_reset_request() {
            let on = self.doing();
            self.reach_time(now, until, on);
            self.reset_itself(now, cause);
            return;
        }
        if self.system.nvm.ends() <= now
            && let Some(operation) = self.system.nvm.finish()
        {
            self.program(&operation, |_, new| new);
            self.core.set_nvm(Nvm::Ready);
            self.system.memory_changed();
            // More words of the same instruction may wait.
            self.system.attention = true;
            self.pending = Some((now, Stopped::NvmDone));
        }
    }

    /// The chip resets itself; that is told at `now`, which may be a little ahead.
    fn reset_itself(&mut self, now: Time, cause: ResetCause) {
        let (pins, ahead) = (self.pins, self.ahead);
        self.enter_reset(now, cause, self.tear);
        (self.pins, self.ahead) = (pins, ahead);
        self.pending = Some((now, Stopped::Reset(cause)));
    }

    /// WFI or WFE, and nothing wakes: Sleep, Stop or Standby.
    fn sleep(&mut self, depth: Depth, next: u64, until: Time) {
        let now = self.reach(until, Spent::Run);
        // What is due while the instruction executes may wake at once.
        let cycle = self.core.idle_until(self.core.cycle());
        if cycle >= next || self.core.try_wake(&self.system) {
            return;
        }
        let deep = match depth {
            // The hardware waits for the end of an operation before it stops clocks.
            Depth::Deep if self.operation().is_none() => self.system.pwr.deep_sleep(),
            Depth::Sleep | Depth::Deep => {
                self.core.idle_until(next);
                self.reach(until, Spent::Sleep);
                return;
            }
        };
        let options = &self.system.options;
        let on_entry = match deep {
            DeepSleep::Stop => options.stop,
            DeepSleep::Standby => options.standby,
        };
        match (on_entry, deep) {
            // ST's manuals: entry of Stop is ignored while an edge is pending, even one that the NVIC
            // does not let through.
            (_, DeepSleep::Stop) if self.system.exti.interrupts() != 0 => self.core.refuse_sleep(),
            (OnEntry::Reset, _) => self.reset_itself(now, ResetCause::LowPower),
            (OnEntry::Enter, DeepSleep::Stop) => {
                self.usage.stops += 1;
                self.system.enter_stop(now);
                self.state = State::Stopped;
            }
            (OnEntry::Enter, DeepSleep::Standby) if self.system.pwr.has_wake_up_flag() => {
                self.reset_itself(now, ResetCause::StandbyExit);
            }
            (OnEntry::Enter, DeepSleep::Standby) => {
                self.system.enter_standby(now);
                self.lose_ram();
                self.state = State::Standby;
                self.pending = Some((now, Stopped::Pins));
            }
        }
    }

    /// Stop: what EXTI lets through ends it.
    fn stop(&mut self, until: Time) {
        if self.core.try_wake(&self.system) {
            let delay = self.system.pwr.reference_delay(&self.system.timing);
            let after = self.system.timing.stop_wake_up.saturating_add(delay);
            self.state = State::Waking(self.now.after(after));
        } else {
            self.sleep_deeply(until);
        }
    }

    /// Standby: the RTC ends it, the watchdog, or a pin ([`Chip::set_input`]).
    fn stand_by(&mut self, until: Time) {
        if self.system.rtc_wakes() {
            self.reset_itself(self.now, ResetCause::StandbyExit);
        } else {
            self.sleep_deeply(until);
        }
    }

    /// Stop or Standby goes on: nothing but the LSI's domain does.
    fn sleep_deeply(&mut self, until: Time) {
        let next = self.system.next_time();
        if next > until {
            self.pass(until);
            return;
        }
        self.pass(next);
        self.happen(self.core.cycle(), self.now, until);
    }

    /// Stop is over: the clock comes back at `at`. What happens meanwhile, happens.
    fn wake(&mut self, at: Time, until: Time) {
        let next = self.system.next_time();
        if next <= at.min(until) {
            self.pass(next);
            let (cycle, now) = (self.core.cycle(), self.now);
            self.happen(cycle, now, until);
            return;
        }
        if at > until {
            self.pass(until);
            return;
        }
        self.pass(at);
        self.system.leave_stop(at, self.core.cycle());
        self.state = State::Running;
    }
}
