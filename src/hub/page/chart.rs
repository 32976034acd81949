//! How many stood where over time, as areas one above the other, and as a table. Pure.
use super::parts::{Column, Tone, counted, table};
use maud::{Markup, html};
use std::{collections::BTreeMap, fmt::Write as _};

/// Most moments that are drawn.
const MAX_MOMENTS: usize = 240;
/// Most moments in the table.
const MAX_ROWS: usize = 24;
/// Size of the drawing.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 280.0;
/// The field within.
const LEFT: f64 = 48.0;
const RIGHT: f64 = WIDTH - 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = HEIGHT - 30.0;
/// Least height of an area that has its name within.
const NAME_HEIGHT: f64 = 18.0;
/// States from the bottom up; others come above.
const ORDER: [&str; 8] =
    ["Compliant", "Installed", "Suspended", "Pending", "Unknown", "Noncompliant", "Non-Compliant", "Failed"];

/// How many had each state at each of some moments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Series {
    /// In order.
    pub(super) moments: Vec<jiff::Timestamp>,
    /// Each state with as many numbers as there are moments, from the bottom up.
    pub(super) states: Vec<(String, Vec<i64>)>,
}

impl Series {
    /// Sorts countings by moment and state.
    pub(super) fn of(countings: impl IntoIterator<Item = (jiff::Timestamp, String, i64)>) -> Self {
        let mut by_moment: BTreeMap<jiff::Timestamp, BTreeMap<String, i64>> = BTreeMap::new();
        for (at, state, number) in countings {
            by_moment.entry(at).or_default().insert(state, number.max(0));
        }
        let mut names: Vec<&String> = by_moment.values().flat_map(BTreeMap::keys).collect();
        names.sort_by_key(|name| (ORDER.iter().position(|one| one == name).unwrap_or(ORDER.len()), *name));
        names.dedup();
        let numbers = |name: &String| by_moment.values().map(|at| at.get(name).copied().unwrap_or_default()).collect();
        let states = names.into_iter().map(|name| (name.clone(), numbers(name))).collect();
        Self { moments: by_moment.into_keys().collect(), states }
    }

    /// Every so many-th moment, and the last one, so that there are at most so many.
    fn thinned(&self, most: usize) -> Self {
        let count = self.moments.len();
        let step = count.div_ceil(most).max(1);
        let kept: Vec<usize> = (0..count).rev().step_by(step).collect::<Vec<_>>().into_iter().rev().collect();
        let pick = |numbers: &Vec<i64>| kept.iter().map(|at| numbers[*at]).collect();
        Self {
            moments: kept.iter().map(|at| self.moments[*at]).collect(),
            states: self.states.iter().map(|(name, numbers)| (name.clone(), pick(numbers))).collect(),
        }
    }

    /// The largest sum of a moment.
    fn top(&self) -> i64 {
        let sum = |at: usize| self.states.iter().map(|(_, numbers)| numbers[at]).sum::<i64>();
        (0..self.moments.len()).map(sum).max().unwrap_or_default()
    }
}

/// The next number that is 1, 2, 4 or 5 times a power of ten.
fn rounded_up(number: i64) -> i64 {
    let mut unit = 1;
    loop {
        for factor in [1, 2, 4, 5] {
            if factor * unit >= number {
                return factor * unit;
            }
        }
        unit *= 10;
    }
}

#[expect(clippy::cast_precision_loss, reason = "a drawing has a thousand points of width")]
fn share(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The drawing with its legend, and the table for those who do not see it.
pub(super) fn chart(series: &Series) -> Markup {
    let drawn = series.thinned(MAX_MOMENTS);
    let last = drawn.moments.len().saturating_sub(1);
    html! {
        figure.chart {
            div.scroll tabindex="0" role="group" aria-label="Chart of compliance over time" { (drawing(&drawn)) }
            figcaption {
                ul.legend aria-label="Latest" {
                    @for (name, numbers) in drawn.states.iter().rev() { li { (counted(numbers[last], name)) } }
                }
            }
        }
        details.figures { summary { "The same as a table" } (figures(&series.thinned(MAX_ROWS))) }
    }
}

fn figures(series: &Series) -> Markup {
    let mut columns = vec![Column("When")];
    columns.extend(series.states.iter().map(|(name, _)| Column(name)));
    let row = |at: usize| {
        let mut cells = vec![html! { (label(series.moments[at], true)) }];
        cells.extend(series.states.iter().map(|(_, numbers)| html! { (numbers[at]) }));
        cells
    };
    let rows: Vec<Vec<Markup>> = (0..series.moments.len()).rev().map(row).collect();
    table("Configurations by state, newest first", &columns, &rows)
}

/// A moment as a label, in UTC.
fn label(at: jiff::Timestamp, is_whole: bool) -> String {
    let form = if is_whole { "%Y-%m-%d %H:%M UTC" } else { "%b %-d %H:%M" };
    at.strftime(form).to_string()
}

fn drawing(series: &Series) -> Markup {
    let top = rounded_up(series.top().max(2));
    let y = |number: i64| BOTTOM - share(number, top) * (BOTTOM - TOP);
    let (first, last) =
        (series.moments.first().copied().unwrap_or_default(), series.moments.last().copied().unwrap_or_default());
    let span = last.as_second() - first.as_second();
    let x = |at: jiff::Timestamp| LEFT + share(at.as_second() - first.as_second(), span) * (RIGHT - LEFT);
    let lines = [0, top / 2, top];
    let marks: Vec<jiff::Timestamp> =
        (0..=4_i64).filter_map(|step| jiff::Timestamp::from_second(first.as_second() + span * step / 4).ok()).collect();
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-labelledby="chart-title" {
            title id="chart-title" { (spoken(series)) }
            @for number in lines {
                line.axis x1=(LEFT) x2=(RIGHT) y1=(y(number)) y2=(y(number)) {}
                text x=(LEFT - 8.0) y=(y(number) + 4.0) text-anchor="end" { (number) }
            }
            @for (name, path) in areas(series, x, y) {
                path class=(format!("area {}", Tone::of(&name).class())) d=(path) { title { (name) } }
            }
            @for (name, middle) in names_within(series, y) {
                text.within x=(RIGHT - 10.0) y=(middle + 4.0) text-anchor="end" aria-hidden="true" { (name.to_lowercase()) }
            }
            @for (step, at) in marks.iter().enumerate() {
                text x=(x(*at)) y=(HEIGHT - 8.0) text-anchor=(match step { 0 => "start", 4 => "end", _ => "middle" }) { (label(*at, false)) }
            }
        }
    }
}

/// The names of those states whose area has room for one at its end, and where: nobody needs the colours.
fn names_within(series: &Series, y: impl Fn(i64) -> f64) -> Vec<(&str, f64)> {
    // A name takes an eighth of the width.
    let last = series.moments.len().saturating_sub(1);
    let end = last.saturating_sub(series.moments.len() / 8);
    let mut below = vec![0; series.moments.len()];
    let mut names = Vec::new();
    for (name, numbers) in &series.states {
        let above: Vec<i64> = below.iter().zip(numbers).map(|(below, number)| below + number).collect();
        let top = above.iter().skip(end).map(|above| y(*above)).fold(f64::MIN, f64::max);
        let bottom = below.iter().skip(end).map(|below| y(*below)).fold(f64::MAX, f64::min);
        if bottom - top >= NAME_HEIGHT {
            names.push((name.as_str(), f64::midpoint(bottom, top)));
        }
        below = above;
    }
    names
}

/// What the drawing says, in a sentence.
fn spoken(series: &Series) -> String {
    let mut text = String::from("Configurations by state over time. Latest:");
    for (name, numbers) in &series.states {
        let number = numbers.last().copied().unwrap_or_default();
        write!(text, " {number} {},", name.to_lowercase()).ok();
    }
    text.trim_end_matches(',').to_owned() + "."
}

/// Numbers as a line of steps: each stays until the next moment.
fn steps(moments: &[jiff::Timestamp], numbers: &[i64]) -> Vec<(jiff::Timestamp, i64)> {
    let mut line: Vec<(jiff::Timestamp, i64)> = Vec::new();
    for (at, number) in moments.iter().zip(numbers) {
        if let Some((_, before)) = line.last().copied().filter(|(_, before)| before != number) {
            line.push((*at, before));
        }
        line.push((*at, *number));
    }
    line
}

/// The outline of each state's area.
fn areas(series: &Series, x: impl Fn(jiff::Timestamp) -> f64, y: impl Fn(i64) -> f64) -> Vec<(String, String)> {
    let mut below = vec![0_i64; series.moments.len()];
    let mut areas = Vec::with_capacity(series.states.len());
    for (name, numbers) in &series.states {
        let above: Vec<i64> = below.iter().zip(numbers).map(|(below, number)| below + number).collect();
        let mut path = String::new();
        let (forth, mut back) = (steps(&series.moments, &above), steps(&series.moments, &below));
        back.reverse();
        for (step, (at, number)) in forth.into_iter().chain(back).enumerate() {
            write!(path, "{}{:.1} {:.1}", if step == 0 { 'M' } else { 'L' }, x(at), y(number)).ok();
        }
        path.push('Z');
        areas.push((name.clone(), path));
        below = above;
    }
    areas
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(quarter: i64) -> jiff::Timestamp {
        jiff::Timestamp::from_second(1_800_000_000 + quarter * 900).expect("a time")
    }

    fn series(quarters: i64) -> Series {
        Series::of((0..quarters).flat_map(|quarter| {
            [
                (at(quarter), "Failed".to_owned(), 1),
                (at(quarter), "Compliant".to_owned(), quarter),
                (at(quarter), "New".to_owned(), 2),
            ]
        }))
    }

    #[test]
    fn states_stand_from_the_bottom_up_in_an_order_that_stays() {
        let series = series(3);
        let names: Vec<&str> = series.states.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["Compliant", "Failed", "New"]);
        assert_eq!((series.states[0].1.as_slice(), series.top()), (&[0, 1, 2][..], 5));
        assert_eq!(spoken(&series), "Configurations by state over time. Latest: 2 compliant, 1 failed, 2 new.");
    }

    #[test]
    fn a_long_time_is_thinned_and_keeps_its_end() {
        let thinned = series(8640).thinned(MAX_MOMENTS);
        assert!(thinned.moments.len() <= MAX_MOMENTS && thinned.moments.len() > MAX_MOMENTS / 2);
        assert_eq!((thinned.moments.last(), thinned.states[0].1.last()), (Some(&at(8639)), Some(&8639)));
        assert_eq!(series(3).thinned(24), series(3));
    }

    #[test]
    fn areas_lie_on_each_other_within_the_field() {
        let series = series(2);
        let areas = areas(&series, |at| f64::from(u8::from(at != self::at(0))), |number| share(number, 1));
        assert_eq!(areas[0].1, "M0.0 0.0L1.0 0.0L1.0 1.0L1.0 0.0L0.0 0.0Z");
        assert_eq!(areas[1].1, "M0.0 1.0L1.0 1.0L1.0 2.0L1.0 1.0L1.0 0.0L0.0 0.0Z");
        let tall = |number: i64| -share(number, 1) * NAME_HEIGHT;
        assert_eq!(names_within(&series, tall).len(), 3);
        for (number, wanted) in [(1, 1), (3, 4), (6, 10), (11, 20), (4001, 5000)] {
            assert_eq!(rounded_up(number), wanted);
        }
        let shown = chart(&series).into_string();
        assert!(shown.contains("role=\"img\"") && shown.contains("<table") && !shown.contains("NaN"), "{shown}");
    }

    #[test]
    fn one_moment_and_none_are_drawn_too() {
        assert!(!chart(&series(1)).into_string().contains("NaN"));
        assert!(!drawing(&Series::default()).into_string().contains("NaN"));
    }
}
