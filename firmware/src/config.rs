//! The configuration block: every time and polarity of the rules, in one place.
//!
//! The defaults are the board's documented behaviour. On the chip the [`Block`] lies in flash at a
//! symbol of its own, so an image can be patched without a compiler; in a scenario the same
//! fields are overridden by name. Relations that must hold between fields are checked by
//! [`Config::problem`], by `const` assertion for the defaults. What a field may be on its own is in
//! [`Config::limits`]; a scenario may go below, to see what happens, a patched image may not.

use crate::time::Millis;

/// The level of the Pi's poweroff line that means "switch me off".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Polarity {
    /// High asks (gpio-poweroff's default, and what the original board acts on).
    ActiveHigh = 0,
    /// Low asks (`gpio-poweroff,active_low`; the board's web page describes this one).
    ActiveLow = 1,
}

impl Polarity {
    /// Both.
    pub const ALL: [Self; 2] = [Self::ActiveHigh, Self::ActiveLow];

    /// Its name in files and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ActiveHigh => "active_high",
            Self::ActiveLow => "active_low",
        }
    }
}

macro_rules! config {
    ($($(#[doc = $doc:literal])+ $name:ident = $default:literal, at least $least:literal;)+) => {
        /// Times and polarity of the rules. Units: milliseconds. One word a field, in this order.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(C)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $name: Millis,)+
            /// Level of `pi_request` that asks for the power to be switched off.
            pub request_polarity: Polarity,
        }

        impl Config {
            /// The documented behaviour of the board.
            pub const DEFAULT: Self = Self {
                $($name: Millis($default),)+
                request_polarity: Polarity::ActiveHigh,
            };

            /// Name, meaning and value of every time, in declaration order.
            #[must_use]
            pub const fn times(&self) -> [(&'static str, &'static str, Millis); Self::TIMES] {
                [$((stringify!($name), concat!($($doc),+), self.$name),)+]
            }

            /// The time called `name`, for writing.
            pub fn time_mut(&mut self, name: &str) -> Option<&mut Millis> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)+
                    _ => None,
                }
            }

            /// Name, least and longest value of every time, in declaration order.
            #[must_use]
            pub const fn limits() -> [(&'static str, Millis, Millis); Self::TIMES] {
                [$((stringify!($name), Millis($least), Self::LONGEST),)+]
            }

            const TIMES: usize = [$(stringify!($name)),+].len();

            /// The names of the words, in order.
            const LAYOUT: &str = concat!($(stringify!($name), " ",)+ "request_polarity");
        }
    };
}

// Least values: 0 where "none" or "at once" is a meaning, 1 where nothing would be left of the rule (a
// Pi that is cut without being told, a filter that lets everything through, a back-off that doubles
// nothing), and what a rule itself names.
config! {
    /// Loss of the supply that is bridged unseen once the capacitors were charged (R1).
    bridge = 2_000, at least 0;
    /// The same before `caps_charged` was seen since the start (R10).
    uncharged_bridge = 200, at least 0;
    /// From `power_good` low to the cut (R2).
    shutdown_timeout = 20_000, at least 1;
    /// From the Pi's "I am down" to the early cut (R5).
    ack_margin = 3_000, at least 0;
    /// From a cut to the next start. 2.0 s with the rail below 0.5 V is the rule (R6); the rest is for the rail to fall.
    repower_gap = 2_500, at least 2_000;
    /// The supply must be good for this long before a start (R7).
    supply_settle = 2_000, at least 0;
    /// From enabling to `power_good` released (R7).
    power_good_delay = 2_000, at least 1;
    /// From `power_good` released to the load switch closing (R7).
    load_switch_delay = 200, at least 0;
    /// From the load switch opening to `power_good` low (R2).
    load_switch_lead = 100, at least 0;
    /// After enabling, losing the supply within this time fails the load test (R8).
    load_test_window = 1_000, at least 1;
    /// Within that window a loss counts once it lasted this long: a real one lasts T_min-backup, noise does not (R8).
    load_test_confirm = 5, at least 1;
    /// Wait after the first failed load test; doubles with each further one (R8).
    load_test_backoff_min = 5_000, at least 1;
    /// Longest wait after a failed load test (R8).
    load_test_backoff_max = 300_000, at least 1;
    /// A supply that carried the running Pi for this long resets the back-off (R8).
    load_test_forgive = 60_000, at least 0;
    /// Starts that nobody pressed for are at least this far apart (O6).
    start_interval = 30_000, at least 0;
    /// The Pi may need this long from power-on until it listens (R9).
    boot_allowance = 25_000, at least 1;
    /// The button counts once it was steady for this long (R3).
    debounce = 20, at least 1;
    /// The button held for this long cuts a hung Pi (R3).
    forced_off_hold = 8_000, at least 1;
    /// `pi_request` steady for this long is a request (R4).
    request_qualify = 500, at least 1;
    /// Pulses on `pi_request` shorter than this are noise (R4).
    request_noise = 50, at least 1;
    /// Two activations of `pi_request` that begin within this time are the poweroff pattern (R4).
    request_pattern = 1_000, at least 1;
    /// `pi_request` means nothing until this long after enabling (R4): no Pi boots faster.
    request_arm = 8_000, at least 1;
}

/// The configuration as it lies in the image: two words to find and to know it by, then one for each
/// field. `holdup firmware configure` changes it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Block {
    /// [`Block::MAGIC`].
    pub magic: u32,
    /// [`Block::LAYOUT`]: which fields there are.
    pub layout: u32,
    /// The fields.
    pub config: Config,
}

impl Block {
    /// "HoCf", as it reads in a dump.
    pub const MAGIC: u32 = u32::from_le_bytes(*b"HoCf");
    /// A hash (FNV-1a) of the fields' names in order: an image of another version has another one.
    pub const LAYOUT: u32 = fnv_1a(Config::LAYOUT.as_bytes());
    /// Words of the block.
    pub const WORDS: usize = 2 + Config::WORDS;
    /// The block of an image as it is built.
    pub const DEFAULT: Self =
        Self { magic: Self::MAGIC, layout: Self::LAYOUT, config: Config::DEFAULT };
}

const fn fnv_1a(bytes: &[u8]) -> u32 {
    let mut hash = 0x811C_9DC5u32;
    let mut rest = bytes;
    while let [first, more @ ..] = rest {
        hash = (hash ^ *first as u32).wrapping_mul(0x0100_0193);
        rest = more;
    }
    hash
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Config {
    /// No time is longer. An hour is far above any use, and far below what the clock can count.
    pub const LONGEST: Millis = Millis(3_600_000);

    /// Words that a configuration takes in the image.
    pub const WORDS: usize = Self::TIMES + 1;

    /// Whether every time is within its limits.
    const fn is_within_limits(&self) -> bool {
        let (times, limits) = (self.times(), Self::limits());
        let (mut times, mut limits) = (times.as_slice(), limits.as_slice());
        while let ([(_, _, time), more @ ..], [(_, least, longest), others @ ..]) = (times, limits)
        {
            if time.0 < least.0 || time.0 > longest.0 {
                return false;
            }
            (times, limits) = (more, others);
        }
        true
    }

    /// The first relation between fields that does not hold, if any: `(field, must be, than field)`.
    #[must_use]
    pub const fn problem(&self) -> Option<(&'static str, &'static str, &'static str)> {
        if self.uncharged_bridge.0 > self.bridge.0 {
            return Some(("uncharged_bridge", "at most", "bridge"));
        }
        if self.load_test_backoff_min.0 > self.load_test_backoff_max.0 {
            return Some(("load_test_backoff_min", "at most", "load_test_backoff_max"));
        }
        if self.load_test_window.0 > self.power_good_delay.0 {
            return Some(("load_test_window", "at most", "power_good_delay"));
        }
        if self.load_test_confirm.0 > self.load_test_window.0 {
            return Some(("load_test_confirm", "at most", "load_test_window"));
        }
        // A line that is still low when the Pi begins to listen would be heard as a notice.
        if self.power_good_delay.0 > self.request_arm.0 {
            return Some(("power_good_delay", "at most", "request_arm"));
        }
        if self.request_noise.0 >= self.request_qualify.0 {
            return Some(("request_noise", "less than", "request_qualify"));
        }
        if self.request_noise.0.saturating_mul(2) >= self.request_pattern.0 {
            return Some(("request_noise", "less than half of", "request_pattern"));
        }
        if self.debounce.0 >= self.forced_off_hold.0 {
            return Some(("debounce", "less than", "forced_off_hold"));
        }
        if self.ack_margin.0 > self.shutdown_timeout.0 {
            return Some(("ack_margin", "at most", "shutdown_timeout"));
        }
        None
    }
}

const _: () = assert!(size_of::<Block>() == 4 * Block::WORDS, "one word a field");
const _: () = assert!(Config::DEFAULT.problem().is_none(), "the defaults contradict each other");
const _: () = assert!(Config::DEFAULT.is_within_limits(), "a default is out of its limits");
