//! A JSON text with the position of everything in it.
//!
//! Strict JSON: comments and trailing commas are understood but are problems, all of them named
//! at once. Nesting is limited far below what could exhaust the stack. Where a variable stands, its
//! value of the case that is being read is found (see [`cases`](super::cases)).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;
use jsonc_parser::errors::{ParseError, ParseErrorKind};
use jsonc_parser::tokens::{Token, TokenAndRange};
use jsonc_parser::{CollectOptions, CommentCollectionStrategy, ParseOptions, parse_to_ast};

use super::cases::{CASES, Case};
use super::{Place, Problem, ProblemKind, Problems};

/// The deepest nesting of lists and objects that is read. The files need about ten.
const MAX_DEPTH: usize = 32;

/// A parsed document: path for messages, text, and tree with positions. A clone costs little.
#[derive(Clone, Debug)]
pub(crate) struct Source<'a> {
    path: &'a str,
    text: &'a str,
    root: Rc<Value<'a>>,
    /// Where variables are used, and which, in the order of the text.
    uses: Rc<[(Range<usize>, String)]>,
    /// For each variable, in file order, which of its values stands in its place.
    case: Vec<usize>,
    slips: Vec<(Range<usize>, Slip)>,
    /// The text with blanks in place of the slips: strict JSON, everything where it was.
    plain: Cow<'a, str>,
    /// Where each line but the first starts.
    lines: Rc<[usize]>,
}

/// What is understood, yet is not JSON.
#[derive(Clone, Copy, Debug)]
enum Slip {
    Comment,
    TrailingComma,
}

impl<'a> Source<'a> {
    /// Parses `text`; `path` is how messages name the file.
    pub(crate) fn parse(path: &'a str, text: &'a str) -> Result<Self, Problems> {
        let text_only = Bare { path, text };
        if text.starts_with('\u{feff}') {
            let problem = text_only.problem(0..0, "the file starts with a byte order mark", "here");
            return Err(problem.help("save the file as UTF-8 without BOM").into());
        }
        if text.trim().is_empty() {
            let problem = Problem::bad(format!("{path} is empty"));
            return Err(problem.help("a file holds one JSON object: { … }").into());
        }
        let collect =
            CollectOptions { comments: CommentCollectionStrategy::AsTokens, tokens: true };
        let parsed = parse_to_ast(text, &collect, &options())
            .map_err(|error| Problems::from(text_only.syntax_problem(&error)))?;
        let slips = slips(&parsed.tokens.unwrap_or_default());
        let Some(root) = parsed.value else {
            let problem = Problem::bad(format!("{path} holds nothing but comments"));
            return Err(problem.help("a file holds one JSON object: { … }").into());
        };
        if let Some(deep) = too_deep(&root, 0) {
            return Err(text_only.depth_problem(deep).into());
        }
        let plain = blanked(text, &slips);
        let checked = serde_json::from_str::<serde::de::IgnoredAny>(&plain);
        let lines = text.match_indices('\n').map(|(newline, _)| newline + 1).collect();
        let mut uses = Vec::new();
        collect_uses(&root, true, &mut uses);
        let (root, uses) = (Rc::new(root), uses.into());
        let source = Self { path, text, root, uses, case: Vec::new(), slips, plain, lines };
        if let Err(error) = checked {
            let mut problems = source.slips();
            problems.push(text_only.serde_problem(&error));
            Problems::check(problems)?;
        }
        Ok(source)
    }

    /// The document with the values of a case in place of its variables.
    pub(crate) fn in_case(&self, case: &Case) -> Self {
        Self { case: case.values.clone(), ..self.clone() }
    }

    /// Each use of a variable, and its name.
    pub(super) fn uses(&self) -> impl Iterator<Item = (&Range<usize>, &str)> {
        self.uses.iter().map(|(range, name)| (range, name.as_str()))
    }

    /// The names of the document's variables.
    pub(super) fn variables(&self) -> Vec<&str> {
        match self.top(CASES) {
            Some(Value::Object(cases)) => {
                cases.properties.iter().map(|prop| prop.name.as_str()).collect()
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// The value of a key at the top of the document, as it is written there.
    pub(super) fn top(&self, key: &str) -> Option<&Value<'a>> {
        child(&self.root, key).map(|(value, _)| value)
    }

    /// What stands in the place of `node`: of a variable its value, otherwise the node itself. Of a
    /// variable without a value nothing.
    pub(super) fn resolved<'n>(&'n self, node: &'n Value<'a>) -> Option<&'n Value<'a>> {
        match variable(node) {
            Some(name) => self.value_of(name),
            None => Some(node),
        }
    }

    fn value_of(&self, name: &str) -> Option<&Value<'a>> {
        let Some(Value::Object(cases)) = self.top(CASES) else { return None };
        let position = cases.properties.iter().position(|prop| prop.name.as_str() == name)?;
        let index = *self.case.get(position)?;
        #[expect(clippy::wildcard_enum_match_arm, reason = "whatever else is no list of values")]
        match &cases.properties.get(position)?.value {
            Value::Array(list) => list.elements.get(index),
            Value::Object(object) => object.properties.get(index).map(|prop| &prop.value),
            _ => None,
        }
    }

    /// The text of a range piece by piece, with values in place of variables.
    pub(super) fn pieces(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let first = self.uses.partition_point(|(place, _)| place.start < range.start);
        let inside = self.uses[first..].iter().take_while(|(place, _)| place.end <= range.end);
        let mut pieces = Vec::with_capacity(1);
        let mut done = range.start;
        for (place, name) in inside {
            pieces.push(done..place.start);
            pieces.push(self.value_of(name).map_or_else(|| place.clone(), span));
            done = place.end;
        }
        pieces.push(done..range.end);
        pieces
    }

    /// Where variables are used that have no value.
    pub(super) fn without_value(&self) -> impl Iterator<Item = usize> {
        let open = self.uses.iter().filter(|(_, name)| self.value_of(name).is_none());
        open.map(|(range, _)| range.start)
    }

    /// The whole document.
    pub(crate) fn root(&self) -> &Value<'a> {
        &self.root
    }

    /// A problem for each comment and trailing comma.
    pub(crate) fn slips(&self) -> Vec<Problem> {
        let problem = |(range, slip): &(Range<usize>, Slip)| match slip {
            Slip::Comment => self
                .problem(range.clone(), "comments are not JSON", "a comment")
                .help("remove it; a scenario's `purpose` is the place for words"),
            Slip::TrailingComma => self
                .problem(range.clone(), "trailing comma", "nothing follows this comma")
                .help("remove it: JSON separates with commas and does not end with one"),
        };
        self.slips.iter().take(Problems::MOST + 1).map(problem).collect()
    }

    /// How messages name the file.
    pub(crate) fn path(&self) -> &'a str {
        self.path
    }

    /// A problem at a range of bytes; `label` says what was expected there.
    pub(crate) fn problem(
        &self,
        range: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Problem {
        Bare { path: self.path, text: self.text }.problem(range, message, label)
    }

    /// The text of a range without comments and trailing commas.
    pub(super) fn plain(&self, range: Range<usize>) -> &str {
        self.plain.get(range).unwrap_or_default()
    }

    /// The text of a range with values in place of variables.
    pub(super) fn substituted(&self, range: Range<usize>) -> Cow<'_, str> {
        match &self.pieces(range)[..] {
            [whole] => self.plain(whole.clone()).into(),
            pieces => pieces.iter().map(|piece| self.plain(piece.clone())).collect(),
        }
    }

    /// The range of the value at `pointer` (`stimuli/3/at`), or of what there is on the way to it.
    pub(crate) fn at(&self, pointer: &str) -> Range<usize> {
        self.find(pointer).0
    }

    /// The range of the key that names the value at `pointer`, or of what there is on the way.
    pub(crate) fn key_at(&self, pointer: &str) -> Range<usize> {
        self.find(pointer).1
    }

    /// Whether there is a value at `pointer`.
    pub(crate) fn has(&self, pointer: &str) -> bool {
        self.find(pointer).2
    }

    /// The keys of the object at `pointer`, each once; none if it is no object.
    pub(crate) fn keys(&self, pointer: &str) -> BTreeSet<String> {
        match self.node(pointer) {
            Some(Value::Object(object)) => {
                object.properties.iter().map(|prop| prop.name.as_str().to_owned()).collect()
            }
            Some(_) | None => BTreeSet::new(),
        }
    }

    /// The number of elements of the list at `pointer`; none if it is no list.
    pub(super) fn length(&self, pointer: &str) -> usize {
        match self.node(pointer) {
            Some(Value::Array(list)) => list.elements.len(),
            Some(_) | None => 0,
        }
    }

    /// Whether a key on the way to `pointer` is given more than once.
    pub(super) fn is_ambiguous(&self, pointer: &str) -> bool {
        let steps = pointer.split('/').filter(|step| !step.is_empty());
        let mut node = Some(&*self.root);
        for step in steps {
            if let Some(Value::Object(object)) = node {
                let same = object.properties.iter().filter(|prop| prop.name.as_str() == step);
                if same.count() > 1 {
                    return true;
                }
            }
            node =
                node.and_then(|node| child(node, step)).and_then(|(value, _)| self.resolved(value));
        }
        false
    }

    /// The line, from 1, on which the value at `pointer` starts.
    pub(crate) fn line(&self, pointer: &str) -> usize {
        self.line_of(self.at(pointer).start)
    }

    /// The line, from 1, that the byte `offset` is on.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        1 + self.lines.partition_point(|start| *start <= offset)
    }

    fn node(&self, pointer: &str) -> Option<&Value<'a>> {
        let mut steps = pointer.split('/').filter(|step| !step.is_empty());
        steps.try_fold(&*self.root, |node, step| self.resolved(child(node, step)?.0))
    }

    /// Value's range, its key's range, and whether the whole path exists.
    fn find(&self, pointer: &str) -> (Range<usize>, Range<usize>, bool) {
        let mut node = &*self.root;
        let mut key = head(node);
        for step in pointer.split('/').filter(|step| !step.is_empty()) {
            let Some((value, name)) = child(node, step) else {
                return (key.clone(), key, false);
            };
            // A variable without a value is found as what it is.
            (node, key) = (self.resolved(value).unwrap_or(value), name);
        }
        (span(node), key, true)
    }
}

/// The name of the variable that `node` is a use of.
pub(super) fn variable<'n>(node: &'n Value<'_>) -> Option<&'n str> {
    let Value::StringLit(text) = node else { return None };
    let name = text.value.strip_prefix('$')?;
    // Words and quantities begin otherwise; only a text can begin with an amount of dollars.
    let is_one = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && !name.contains(char::is_whitespace);
    is_one.then_some(name)
}

/// Uses of variables below `node`, in the order of the text; none in `cases`.
fn collect_uses(node: &Value<'_>, is_root: bool, uses: &mut Vec<(Range<usize>, String)>) {
    match node {
        Value::Object(object) => {
            let read = |key: &str| !(is_root && key == CASES);
            let properties = object.properties.iter().filter(|prop| read(prop.name.as_str()));
            properties.for_each(|prop| collect_uses(&prop.value, false, uses));
        }
        Value::Array(list) => {
            list.elements.iter().for_each(|value| collect_uses(value, false, uses));
        }
        Value::StringLit(_) => {
            uses.extend(variable(node).map(|name| (span(node), name.to_owned())));
        }
        Value::NumberLit(_) | Value::BooleanLit(_) | Value::NullKeyword(_) => {}
    }
}

/// Whether a variable is used in `node`.
pub(super) fn holds_variable(node: &Value<'_>) -> bool {
    let mut uses = Vec::new();
    collect_uses(node, false, &mut uses);
    !uses.is_empty()
}

/// The value called `step` in an object or list, and the range of what names it.
fn child<'n, 'a>(node: &'n Value<'a>, step: &str) -> Option<(&'n Value<'a>, Range<usize>)> {
    match node {
        Value::Object(object) => object.get(step).map(|prop| {
            let name = prop.name.range();
            (&prop.value, name.start..name.end)
        }),
        Value::Array(list) => {
            let element = list.elements.get(step.parse::<usize>().ok()?)?;
            Some((element, head(element)))
        }
        Value::StringLit(_)
        | Value::NumberLit(_)
        | Value::BooleanLit(_)
        | Value::NullKeyword(_) => None,
    }
}

/// The range of a value; of a list or an object only the bracket that opens it, so that a mark
/// stays on one line.
pub(super) fn head(node: &Value<'_>) -> Range<usize> {
    let range = span(node);
    match node {
        Value::Object(_) | Value::Array(_) => range.start..range.start + 1,
        Value::StringLit(_)
        | Value::NumberLit(_)
        | Value::BooleanLit(_)
        | Value::NullKeyword(_) => range,
    }
}

/// The whole range of a value.
pub(super) fn span(node: &Value<'_>) -> Range<usize> {
    let range = node.range();
    range.start..range.end
}

fn options() -> ParseOptions {
    ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

/// Comments, and commas before a closing bracket.
fn slips(tokens: &[TokenAndRange<'_>]) -> Vec<(Range<usize>, Slip)> {
    let mut slips = Vec::new();
    let mut comma = None;
    for TokenAndRange { token, range } in tokens {
        let range = range.start..range.end;
        match token {
            Token::CommentLine(_) | Token::CommentBlock(_) => slips.push((range, Slip::Comment)),
            Token::Comma => comma = Some(range),
            Token::CloseBrace | Token::CloseBracket => {
                slips.extend(comma.take().map(|range| (range, Slip::TrailingComma)));
            }
            Token::OpenBrace
            | Token::OpenBracket
            | Token::Colon
            | Token::String(_)
            | Token::Word(_)
            | Token::Boolean(_)
            | Token::Number(_)
            | Token::Null => comma = None,
        }
    }
    slips.sort_by_key(|(range, _)| range.start);
    slips
}

/// `text` with blanks in place of the slips.
fn blanked<'a>(text: &'a str, slips: &[(Range<usize>, Slip)]) -> Cow<'a, str> {
    if slips.is_empty() {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    let mut done = 0;
    for (range, _) in slips {
        plain.push_str(&text[done..range.start]);
        let slip = text[range.clone()].bytes();
        plain.extend(slip.map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        done = range.end;
    }
    plain.push_str(&text[done..]);
    plain.into()
}

/// The first value that is nested too deep. The parser's own limit keeps this recursion short.
fn too_deep(node: &Value<'_>, depth: usize) -> Option<usize> {
    if depth > MAX_DEPTH {
        return Some(node.start());
    }
    match node {
        Value::Object(object) => {
            object.properties.iter().find_map(|prop| too_deep(&prop.value, depth + 1))
        }
        Value::Array(list) => list.elements.iter().find_map(|value| too_deep(value, depth + 1)),
        Value::StringLit(_)
        | Value::NumberLit(_)
        | Value::BooleanLit(_)
        | Value::NullKeyword(_) => None,
    }
}

/// A text that may not even parse.
pub(crate) struct Bare<'a> {
    path: &'a str,
    text: &'a str,
}

impl<'a> Bare<'a> {
    /// `text`, from a file that messages call `path`.
    pub(crate) fn new(path: &'a str, text: &'a str) -> Self {
        Self { path, text }
    }

    /// A problem at a range of bytes; `label` says what was expected there.
    pub(crate) fn problem(
        &self,
        range: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Problem {
        let place = Some(self.place(range, label.into()));
        Problem { kind: ProblemKind::BadInput, message: message.into(), place, helps: Vec::new() }
    }

    /// The place of `range`, clipped to its first line; of a very long line only the part around.
    fn place(&self, range: Range<usize>, label: String) -> Place {
        const LONG: usize = 1_000;
        const AROUND: usize = 80;
        let text = self.text;
        let start = floor(text, range.start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |length| start + length);
        let mut end = ceil(text, range.end).clamp(start, line_end.max(start));
        let (mut from, mut to) = (line_start, line_end);
        if to - from > LONG {
            end = end.min(ceil(text, start + AROUND));
            from = floor(text, start.saturating_sub(AROUND)).max(line_start);
            to = ceil(text, end + AROUND).min(line_end);
        }
        Place {
            path: self.path.to_owned(),
            offset: start,
            line: 1 + text[..line_start].bytes().filter(|byte| *byte == b'\n').count(),
            column: 1 + text[line_start..start].chars().count(),
            excerpt: text[from..to].trim_end_matches('\r').to_owned(),
            marked: start - from..end - from,
            label,
        }
    }

    fn syntax_problem(&self, error: &ParseError) -> Problem {
        let range = error.range().start..error.range().end;
        #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's own words do")]
        let (message, label, help) = match error.kind() {
            ParseErrorKind::NestingDepthExceeded => return self.depth_problem(range.start),
            ParseErrorKind::ExpectedComma => {
                ("a comma is missing", "expected `,` here", "separate the two values with a comma")
            }
            ParseErrorKind::UnterminatedObject => {
                ("an object is never closed", "opened here", "add the missing `}`")
            }
            ParseErrorKind::UnterminatedArray => {
                ("a list is never closed", "opened here", "add the missing `]`")
            }
            ParseErrorKind::SingleQuotedStringsNotAllowed => {
                ("single quotes", "expected \"", "JSON quotes with \"")
            }
            ParseErrorKind::ExpectedStringObjectProperty | ParseErrorKind::UnexpectedWord => (
                "a word without quotes",
                "expected a string",
                "JSON quotes every key and text with \"",
            ),
            ParseErrorKind::MultipleRootJsonValues => (
                "there is more after the end of the document",
                "expected the end of the file",
                "a file holds one JSON object: { … }",
            ),
            other => {
                let message = format!("not JSON: {}", lowered(&other.to_string()));
                return self.problem(range, message, "the parser stopped here");
            }
        };
        self.problem(range, message, label).help(help)
    }

    fn depth_problem(&self, start: usize) -> Problem {
        self.problem(
            start..start + 1,
            format!("nested more than {MAX_DEPTH} levels deep"),
            "this is too deep",
        )
        .help("no scenario or part needs this much nesting: look for a bracket too many")
    }

    fn serde_problem(&self, error: &serde_json::Error) -> Problem {
        let start: usize = self
            .text
            .split_inclusive('\n')
            .take(error.line().saturating_sub(1))
            .map(str::len)
            .sum();
        let offset = (start + error.column().saturating_sub(1)).min(self.text.len());
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        self.problem(offset..offset, format!("not JSON: {message}"), "the parser stopped here")
    }
}

/// The last character boundary at or before the byte `index`.
fn floor(text: &str, index: usize) -> usize {
    (0..=index.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// The first character boundary at or after the byte `index`; the end if there is none.
fn ceil(text: &str, index: usize) -> usize {
    (index..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len())
}

/// `text` with its first letter in lower case.
fn lowered(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
