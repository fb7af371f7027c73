//! What peripherals with a clock of their own have in common: registers whose values arrive late.
//!
//! A write crosses into the domain of another clock, which takes some of its ticks (RM0377, "Independent
//! watchdog", "Low-power timer"). How many, and what a further write meanwhile comes to, is the
//! peripheral's business.

/// What a write came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// Bits that ask for what is left out.
    pub(crate) unmodelled: u32,
    /// It is protected, or not writable in this state.
    pub(crate) refused: bool,
}

/// A register that its value reaches late.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late {
    /// What was written last.
    pub(crate) written: u32,
    /// What has arrived.
    pub(crate) active: u32,
    /// The tick at which what was written arrives.
    pub(crate) arrives: Option<u64>,
}

impl Late {
    pub(crate) const fn new(value: u32) -> Self {
        Self { written: value, active: value, arrives: None }
    }

    /// A write, which arrives at a tick; it overtakes one that is under way.
    pub(crate) const fn write(&mut self, value: u32, arrives: u64) {
        self.written = value;
        self.arrives = Some(arrives);
    }

    /// Lets it arrive, if that is by `tick`; tells when it did.
    pub(crate) const fn arrive(&mut self, tick: u64) -> Option<u64> {
        match self.arrives {
            Some(at) if at <= tick => {
                self.arrives = None;
                self.active = self.written;
                Some(at)
            }
            Some(_) | None => None,
        }
    }
}
