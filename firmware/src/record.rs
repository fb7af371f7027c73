//! The stored state: what the board remembers when everything else is gone.
//!
//! The seven states and their numbers are those of the original board's EEPROM. A record is the user's intent (the Pi on,
//! off, or shut down by its own software) joined with whether the supply has gone since.

/// What the user last asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// The Pi is wanted on whenever the supply is good.
    On,
    /// Switched off by the button: only the button starts it.
    Off,
    /// Shut down by the Pi's software: the button, or reconnecting the supply, starts it.
    AppShutdown,
}

/// A stored state with the original firmware's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Record {
    /// Nothing was ever stored: counts as wanted on.
    Undefined = 0,
    /// On, and the supply carries it.
    OnPowered = 1,
    /// Switched off by the button.
    OffPowered = 2,
    /// Shut down by the Pi's software.
    AppShutdownPowered = 3,
    /// Shut down by the Pi's software, and the supply has gone since.
    AppShutdownUnpowered = 4,
    /// Was on when the supply went, or is wanted on and not up yet.
    OnUnpowered = 5,
    /// Was off when the supply went.
    OffUnpowered = 6,
}

impl Record {
    /// Every record, in order of its number.
    pub const ALL: [Self; 7] = [
        Self::Undefined,
        Self::OnPowered,
        Self::OffPowered,
        Self::AppShutdownPowered,
        Self::AppShutdownUnpowered,
        Self::OnUnpowered,
        Self::OffUnpowered,
    ];

    /// The record with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Undefined),
            1 => Some(Self::OnPowered),
            2 => Some(Self::OffPowered),
            3 => Some(Self::AppShutdownPowered),
            4 => Some(Self::AppShutdownUnpowered),
            5 => Some(Self::OnUnpowered),
            6 => Some(Self::OffUnpowered),
            _ => None,
        }
    }

    /// Its number in the EEPROM.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// Its name in code, scenarios, logs and docs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::OnPowered => "on_powered",
            Self::OffPowered => "off_powered",
            Self::AppShutdownPowered => "app_shutdown_powered",
            Self::AppShutdownUnpowered => "app_shutdown_unpowered",
            Self::OnUnpowered => "on_unpowered",
            Self::OffUnpowered => "off_unpowered",
        }
    }

    /// What the user last asked for.
    #[must_use]
    pub const fn intent(self) -> Intent {
        match self {
            Self::Undefined | Self::OnPowered | Self::OnUnpowered => Intent::On,
            Self::OffPowered | Self::OffUnpowered => Intent::Off,
            Self::AppShutdownPowered | Self::AppShutdownUnpowered => Intent::AppShutdown,
        }
    }

    /// The record for `intent` while the supply is there.
    #[must_use]
    pub const fn powered(intent: Intent) -> Self {
        match intent {
            Intent::On => Self::OnPowered,
            Intent::Off => Self::OffPowered,
            Intent::AppShutdown => Self::AppShutdownPowered,
        }
    }

    /// The record for `intent` once the supply has gone.
    #[must_use]
    pub const fn unpowered(intent: Intent) -> Self {
        match intent {
            Intent::On => Self::OnUnpowered,
            Intent::Off => Self::OffUnpowered,
            Intent::AppShutdown => Self::AppShutdownUnpowered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_intents_round_trip() {
        for record in Record::ALL {
            assert_eq!(Record::from_number(record.number()), Some(record));
        }
        assert_eq!(Record::from_number(7), None);
        for intent in [Intent::On, Intent::Off, Intent::AppShutdown] {
            assert_eq!(Record::powered(intent).intent(), intent);
            assert_eq!(Record::unpowered(intent).intent(), intent);
        }
    }
}
