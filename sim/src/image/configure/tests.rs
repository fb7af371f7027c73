//! Finding, reading and changing the configuration, and all that is refused.

use super::super::{Format, sample};
use super::*;

fn image(file: Vec<u8>) -> Image {
    Image::parse("image", file).unwrap()
}

fn custom() -> Config {
    Config {
        bridge: Millis(3_000),
        shutdown_timeout: Millis(45_000),
        request_polarity: Polarity::ActiveLow,
        ..Config::DEFAULT
    }
}

/// The messages and helps of a refusal.
fn told(problems: &Problems) -> Vec<String> {
    let texts = problems.iter().map(|one| [vec![one.message.clone()], one.helps.clone()].concat());
    texts.map(|texts| texts.join(" | ")).collect()
}

/// What is wrong with these changes to an image with the defaults.
fn refused(changes: &[(&str, &str)]) -> Vec<String> {
    let changes: Vec<_> =
        changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let (config, misfits, mut problems) = changed(Config::DEFAULT, &changes);
    problems.extend(judged(&config, |name| !misfits.contains(&name)));
    told(&Problems::check(problems).unwrap_err())
}

#[test]
fn the_block_is_found_in_every_format() {
    for config in [Config::DEFAULT, custom()] {
        let elf = image(sample::elf(&config));
        let hex = image(elf.to_hex().into_bytes());
        let bin = image(elf.to_bin());
        for image in [elf, hex, bin] {
            assert_eq!(find(&image).unwrap(), (sample::BLOCK + 8, config));
        }
    }
}

#[test]
fn a_changed_image_holds_the_change_and_its_old_format() {
    for file in [
        sample::elf(&Config::DEFAULT),
        sample::bin(&Config::DEFAULT),
        image(sample::elf(&Config::DEFAULT)).to_hex().into_bytes(),
    ] {
        let format = Format::of(&file);
        let before = image(file);
        let (address, _) = find(&before).unwrap();
        let after = before.patched(address, &bytes(&custom())).unwrap();
        assert_eq!(after.format(), format);
        assert_eq!(find(&after).unwrap(), (address, custom()));
        let back = after.patched(address, &bytes(&Config::DEFAULT)).unwrap();
        assert_eq!(back.file(), before.file());
    }
}

#[test]
fn images_without_exactly_one_block_of_this_version_are_refused() {
    let at = (sample::BLOCK - 0x0800_0000) as usize;
    let good = sample::bin(&Config::DEFAULT);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut file = good.clone();
        change(&mut file);
        told(&find(&image(file)).unwrap_err()).join("; ")
    };
    let found = [
        with(&|file| file[at] = 0),
        with(&|file| file[at + 4] ^= 1),
        with(&|file| file.extend([&[0; 2][..], &sample::block(&custom())].concat())),
        with(&|file| file.extend([&[0; 2][..], &sample::block(&custom())[..20]].concat())),
        with(&|file| {
            file[at] = 0;
            file.extend([&[0; 2][..], &sample::block(&custom())[..20]].concat());
        }),
        with(&|file| file[at + 4 * (Block::WORDS - 1)] = 2),
        // Not aligned, so it is chance.
        with(&|file| {
            file[at] = 0;
            file.extend([&[0; 3][..], &sample::block(&custom())].concat());
        }),
    ];
    insta::assert_debug_snapshot!(found, @r#"
    [
        "image: this image has no configuration block | is it an image of Holdup's firmware?",
        "image: image of another version of the firmware: the block at 0x080000c0 has other fields | use the `holdup` of the version that the image was built from",
        "image: more than one configuration block, at 0x080000c0, 0x080001b0 | build the image once more",
        "image: more than one configuration block, at 0x080000c0, 0x080001b0 | build the image once more",
        "image: the configuration block at 0x080001b0 is cut off | copy or build the file once more",
        "image: `request_polarity` is 0x00000002; expected 0 (active_high) or 1 (active_low) | build the image once more",
        "image: this image has no configuration block | is it an image of Holdup's firmware?",
    ]
    "#);
}

#[test]
fn an_old_mark_beside_the_block_is_chance() {
    let mut file = sample::bin(&custom());
    file.extend([0; 2]);
    file.extend(Block::MAGIC.to_le_bytes());
    assert_eq!(find(&image(file)).unwrap().1, custom());
}

#[test]
fn values_are_read_like_in_scenarios() {
    let changes = [
        ("shutdown_timeout", "15s"),
        ("bridge", "1.5 s"),
        ("uncharged_bridge", "0 s"),
        ("debounce", "30 ms"),
        ("load_test_backoff_max", "1 h"),
        ("request_polarity", "active_low"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (config, misfits, problems) = changed(Config::DEFAULT, &changes);
    assert_eq!((misfits, problems), (Vec::new(), Vec::new()));
    check(&config).unwrap();
    let expected = Config {
        shutdown_timeout: Millis(15_000),
        bridge: Millis(1_500),
        uncharged_bridge: Millis(0),
        debounce: Millis(30),
        load_test_backoff_max: Millis(3_600_000),
        request_polarity: Polarity::ActiveLow,
        ..Config::DEFAULT
    };
    assert_eq!(config, expected);
}

#[test]
fn everything_that_is_wrong_with_the_changes_is_told_at_once() {
    let found = refused(&[
        ("shutdown_timeout", "15"),
        ("shutdown_timout", "15 s"),
        ("elephant", "1 s"),
        ("request_polarity", "activelow"),
        ("debounce", "1.5 ms"),
        ("boot_allowance", "0 s"),
        ("repower_gap", "1 s"),
        ("start_interval", "2 h"),
        ("load_test_forgive", "60 days"),
        ("uncharged_bridge", "3 s"),
        ("request_noise", "500 ms"),
    ]);
    insta::assert_debug_snapshot!(found, @r#"
    [
        "`shutdown_timeout`: \"15\" has no unit; expected a duration such as \"2.05 s\" (write \"15 s\")",
        "the configuration has no `shutdown_timout` | did you mean `shutdown_timeout`?",
        "the configuration has no `elephant` | the fields are `bridge`, `uncharged_bridge`, `shutdown_timeout`, `ack_margin`, `repower_gap`, `supply_settle`, `power_good_delay`, `load_switch_delay`, `load_switch_lead`, `load_test_window`, `load_test_confirm`, `load_test_backoff_min`, `load_test_backoff_max`, `load_test_forgive`, `start_interval`, `boot_allowance`, `debounce`, `forced_off_hold`, `request_qualify`, `request_noise`, `request_pattern`, `request_arm`, `request_polarity`",
        "`request_polarity`: \"activelow\" is none of `active_high`, `active_low` | did you mean \"active_low\"?",
        "`debounce`: \"1.5 ms\" is no whole millisecond | the firmware counts whole milliseconds",
        "`load_test_forgive` is 60 days; expected 0 s to 3600 s | A supply that carried the running Pi for this long resets the back-off (R8).",
        "`repower_gap` is 1 s; expected 2 s to 3600 s | From a cut to the next start. 2.0 s with the rail below 0.5 V is the rule (R6); the rest is for the rail to fall.",
        "`start_interval` is 7200 s; expected 0 s to 3600 s | Starts that nobody pressed for are at least this far apart (O6).",
        "`boot_allowance` is 0 s; expected 1 ms to 3600 s | The Pi may need this long from power-on until it listens (R9).",
        "`uncharged_bridge` (3 s) must be at most `bridge` (2 s) | values that are not given stay as they are in the image, or take their defaults with --default",
        "`request_noise` (500 ms) must be less than `request_qualify` (500 ms) | values that are not given stay as they are in the image, or take their defaults with --default",
    ]
    "#);
}

#[test]
fn every_time_can_be_set_to_its_limits_and_not_beyond() {
    for (name, least, longest) in Config::limits() {
        for (time, fits) in [
            (Some(least.0), true),
            (least.0.checked_sub(1), false),
            (Some(longest.0), true),
            (longest.0.checked_add(1), false),
        ] {
            let Some(time) = time else { continue };
            let change = [(name.to_owned(), format!("{time} ms"))];
            let (config, misfits, _) = changed(Config::DEFAULT, &change);
            assert_eq!(misfits, Vec::<&str>::new());
            let problems = judged(&config, |_| false);
            assert_eq!(problems.is_empty(), fits, "{name} = {time} ms: {problems:?}");
        }
    }
}

#[test]
fn an_outcome_lists_what_changed() {
    let outcome = Outcome { before: Config::DEFAULT, after: custom(), written: None };
    insta::assert_snapshot!(outcome.to_string(), @r#"
    bridge                     2.000 s ->     3.000 s
    shutdown_timeout          20.000 s ->    45.000 s
    request_polarity       active_high ->  active_low
    "#);
    let nothing = Outcome { before: custom(), after: custom(), written: None };
    assert_eq!(nothing.to_string(), "nothing changed: the image has these values already\n");
}
