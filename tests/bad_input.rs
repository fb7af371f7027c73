//! Bad input: every problem of a file at once, each pointing into the file; and never a panic.
//!
//! `tests/bad/*.json` are wrong in one way each; what is said about them is in
//! `tests/snapshots/bad_input__<name>.snap`. Review changes with `cargo insta review`, or accept
//! them with `INSTA_UPDATE=always cargo test --test bad_input`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use holdup::parts::Library;
use holdup::scenario::{self, ProblemKind, Problems};
use serde_json::Value as Json;

fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests")
}

/// The files of a folder below `tests/`, sorted.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(tests_folder().join(folder)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

fn snapshot(name: &str, text: &str) {
    let snapshots = tests_folder().join("snapshots");
    insta::with_settings!({
        snapshot_path => snapshots, prepend_module_to_snapshot => false, omit_expression => true,
    }, {
        insta::assert_snapshot!(format!("bad_input__{name}"), text);
    });
}

fn parse(path: &str, text: &str) -> Result<Vec<scenario::Scenario>, Problems> {
    scenario::parse_all("test", path, text, &Library::builtin())
}

/// The problems of a text that stands in no file.
#[track_caller]
fn problems(text: &str) -> Problems {
    parse("test.json", text).expect_err("the text is bad")
}

#[test]
fn bad_files_are_explained() {
    let files = files("bad");
    assert!(files.len() >= 25);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let path = format!("tests/bad/{}.json", stem(&file));
        let problems = parse(&path, &text).expect_err(&path);
        assert_eq!(problems.kind(), ProblemKind::BadInput);
        snapshot(&stem(&file), &problems.render(false));
    }
}

#[test]
fn good_files_are_read() {
    for file in files("good") {
        if let Err(problems) = scenario::load(&file, &tests_folder()) {
            panic!("{problems}");
        }
    }
}

#[test]
fn nesting_has_a_limit() {
    for depth in [33, 200, 100_000] {
        for open in ["[", "{\"a\":", "[{\"a\":"] {
            let problems = problems(&open.repeat(depth));
            assert_eq!(problems.count(), 1, "{problems}");
        }
    }
    let nested = "[".repeat(40) + &"]".repeat(40);
    snapshot("generated_deep", &problems(&nested).render(false));
}

#[test]
fn many_problems_are_cut_short() {
    let keys: Vec<String> = (0..5_000).map(|index| format!("\"k{index}\": 1")).collect();
    let problems = problems(&format!("{{{}}}", keys.join(", ")));
    assert!(problems.render(false).ends_with("and more problems after these 50\n"));
}

#[test]
fn too_many_stimuli() {
    let stimulus = r#"{"at": "1 s", "do": "press"}"#;
    let stimuli = vec![stimulus; 10_001].join(", ");
    let text = format!(
        r#"{{"schema": 1, "purpose": "Far too many.", "until": "9 s", "expect": [{{"final": {{"pi": "off"}}}}],
"stimuli": [{stimuli}]}}"#
    );
    snapshot("generated_many_stimuli", &problems(&text).render(false));
}

#[test]
fn files_that_cannot_be_read_are_the_environments_fault() {
    let missing = scenario::load(Path::new("no/such.json"), Path::new("no")).unwrap_err();
    assert_eq!(missing.kind(), ProblemKind::Io);
    assert_eq!(missing.to_string(), "error: cannot read no/such.json: no such file or folder\n");
}

#[test]
fn content_that_is_no_text_is_bad_input() {
    let folder = std::env::temp_dir().join(format!("holdup-bad-input-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let load = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        scenario::load(&path, &folder).unwrap_err()
    };
    let huge = load("huge.json", &vec![b' '; (1 << 20) + 1]);
    let latin = load("latin.json", b"{\n  \"purpose\": \"caf\xe9\"\n}");
    let folder_itself = scenario::load(&folder, &folder).unwrap_err();
    fs::remove_dir_all(&folder).unwrap();

    let mut text = String::new();
    for problems in [huge, latin, folder_itself] {
        assert_eq!(problems.kind(), ProblemKind::BadInput);
        text += &problems.to_string().replace(&folder.display().to_string(), "FOLDER");
    }
    snapshot("generated_unreadable", &text);
}

#[test]
fn a_scenarios_own_parts_win_and_are_checked() {
    let folder = std::env::temp_dir().join(format!("holdup-own-parts-{}", std::process::id()));
    let caps = folder.join("parts/caps");
    let theme = folder.join("theme");
    fs::create_dir_all(&caps).unwrap();
    fs::create_dir_all(&theme).unwrap();
    let builtin = tests_folder().join("../scenarios/parts/caps/25f.json");
    let builtin = fs::read_to_string(builtin).unwrap();
    fs::write(caps.join("25f.json"), builtin.replace("16.5 F", "17 F")).unwrap();
    let wrong = builtin.replace("\"schema\": 1", "\"schema\": 2");
    let wrong =
        wrong.replace("16.5 F", "0 F").replace("\"leakage\": \"makers", "\"leak\": \"makers");
    fs::write(caps.join("wrong.json"), wrong).unwrap();
    let text = fs::read_to_string(tests_folder().join("good/smallest.json")).unwrap();
    fs::write(theme.join("one.json"), &text).unwrap();
    let other = text.replace("\"until\"", "\"caps\": \"wrong\", \"until\"");
    fs::write(theme.join("two.json"), other).unwrap();

    let found = scenario::collect(std::slice::from_ref(&folder)).unwrap();
    let good = scenario::load(&found[0].0, &folder);
    let bad = scenario::load(&found[1].0, &folder);
    fs::remove_dir_all(&folder).unwrap();

    let names: Vec<_> = found.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["theme/one", "theme/two"]);
    let good = good.unwrap().remove(0);
    assert_eq!(good.caps.capacitance.to_string(), "17.000 F");
    assert_eq!(good.name, "theme/one");
    let bad = bad.unwrap_err().to_string().replace(&folder.display().to_string(), "FOLDER");
    snapshot("generated_own_part", &bad);
}

#[test]
fn paths_without_scenarios_are_named() {
    let parts = tests_folder().join("../scenarios/parts/caps");
    // Asked for by itself, even a folder of parts is searched.
    assert!(scenario::collect(&[parts]).is_ok());
    let missing = scenario::collect(&["no/such".into(), "nor/this".into()]).unwrap_err();
    assert_eq!((missing.count(), missing.kind()), (2, ProblemKind::Io));
    assert_eq!(scenario::collect(&[]).unwrap_err().kind(), ProblemKind::BadInput);
}

/// The schema that is checked in is the one that the types generate. If it is not: run
/// `HOLDUP_UPDATE=1 cargo test --test bad_input schema`, or `holdup schema > scenarios/schema.json`.
#[test]
fn the_schema_is_up_to_date() {
    let path = tests_folder().join("../scenarios/schema.json");
    let generated = scenario::json_schema();
    if std::env::var_os("HOLDUP_UPDATE").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    let checked_in = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        checked_in == generated,
        "scenarios/schema.json is out of date: run HOLDUP_UPDATE=1 cargo test --test bad_input schema"
    );
}

/// Together the good files use whatever the schema offers, so that all of it is read by some test.
/// Words are compared without their places; events are too many, of them the subjects suffice.
#[test]
fn the_good_files_use_everything() {
    let mut offered = BTreeSet::new();
    let schema: Json = serde_json::from_str(&scenario::json_schema()).unwrap();
    offers(&schema, &mut offered);
    let mut used = BTreeSet::new();
    for file in files("good") {
        let file: Json = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        uses(&file, &mut used);
    }
    let unused: Vec<_> = offered.difference(&used).collect();
    assert!(unused.is_empty(), "use these in tests/good/everything.json: {unused:?}");
}

/// The reference names whatever the schema offers.
#[test]
fn the_reference_names_everything() {
    let mut offered = BTreeSet::new();
    offers(&serde_json::from_str(&scenario::json_schema()).unwrap(), &mut offered);
    let reference = fs::read_to_string(tests_folder().join("../docs/scenario-format.md")).unwrap();
    let named = |word: &String| {
        [format!("`{word}`"), format!("\"{word}\"")].iter().any(|word| reference.contains(word))
    };
    // Of the invariants only the first and the last.
    let is_invariant = |word: &String| word.starts_with('O');
    let unnamed: Vec<_> =
        offered.iter().filter(|word| !named(word) && !is_invariant(word)).collect();
    assert!(unnamed.is_empty(), "docs/scenario-format.md does not name {unnamed:?}");
}

/// The keys and words in a schema.
fn offers(schema: &Json, words: &mut BTreeSet<String>) {
    match schema {
        Json::Array(items) => items.iter().for_each(|item| offers(item, words)),
        Json::Object(map) if map.get("format").is_some_and(|format| format == "event") => {}
        Json::Object(map) => {
            if let Some(Json::Object(properties)) = map.get("properties") {
                words.extend(properties.keys().cloned());
            }
            let listed = map.get("enum").and_then(Json::as_array).into_iter().flatten();
            let listed = listed.chain(map.get("const")).filter_map(Json::as_str);
            words.extend(listed.map(str::to_owned));
            for (key, value) in map {
                if key != "FinalStates" {
                    offers(value, words);
                } else if let Some(Json::Object(subjects)) = value.get("properties") {
                    words.extend(subjects.keys().cloned());
                }
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// The keys and texts in a document.
fn uses(document: &Json, words: &mut BTreeSet<String>) {
    match document {
        Json::Array(items) => items.iter().for_each(|item| uses(item, words)),
        Json::Object(map) => {
            words.extend(map.keys().cloned());
            map.values().for_each(|value| uses(value, words));
        }
        Json::String(text) => {
            words.insert(text.clone());
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

mod properties {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::{files, parse};

    /// Texts that the mutations below put into valid files.
    const SPLICES: [&str; 16] = [
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "-1",
        "1e999",
        "\\ud800",
        "µ",
        "\u{202e}",
        "//",
        "\n",
        "99999999999999999999",
    ];

    /// What the schema accepts, the types accept as well: no problem is serde's.
    fn shape_and_types_agree(text: &str) -> Result<(), TestCaseError> {
        if let Err(problems) = parse("x.json", text) {
            let shown = problems.render(false);
            prop_assert!(!shown.contains("cannot be read"), "{shown}");
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn random_text_never_panics(text in "\\PC*") {
            let _ = parse("x.json", &text).map_err(|problems| problems.render(true));
        }

        #[test]
        fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
            let text = String::from_utf8_lossy(&bytes);
            let _ = parse("x.json", &text).map_err(|problems| problems.render(false));
        }

        #[test]
        fn changed_files_never_panic(
            which in any::<prop::sample::Index>(),
            edits in vec((any::<prop::sample::Index>(), 0..20_usize, 0..SPLICES.len()), 1..4),
        ) {
            let files = files("good");
            let mut text: Vec<char> =
                std::fs::read_to_string(which.get(&files)).unwrap().chars().collect();
            for (place, length, splice) in edits {
                let start = place.index(text.len());
                let end = (start + length).min(text.len());
                text.splice(start..end, SPLICES[splice].chars());
            }
            let text: String = text.into_iter().collect();
            shape_and_types_agree(&text)?;
        }

        #[test]
        fn changed_values_never_panic(
            which in any::<prop::sample::Index>(),
            value in any::<prop::sample::Index>(),
            new in "[0-9.,-]{0,25} ?(s|ms|V|A|F|Ohm|%|days|\\PC)?",
        ) {
            let files = files("good");
            let text = std::fs::read_to_string(which.get(&files)).unwrap();
            let mut pieces: Vec<&str> = text.split('"').collect();
            let index = value.index(pieces.len());
            let new = new.replace(['"', '\\'], "");
            pieces[index] = &new;
            shape_and_types_agree(&pieces.join("\""))?;
        }
    }
}
