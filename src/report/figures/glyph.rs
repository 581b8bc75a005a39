//! Shapes that stand beside words: a verdict is never told by color alone.

use maud::{Markup, html};

use crate::quality::Quality;
use crate::verdict::{Class, Pole};

/// The shape of a verdict: ▲ recurrence, ◇ indeterminate, ▼ necrosis, a bar for stable, a ring for not judged.
pub fn class_path(class: Option<Class>) -> Markup {
    html! {
        @match class {
            Some(Class::Recurrence | Class::SuspectedRecurrence) => { path d="M6 .8 11.6 11H.4Z" fill="currentColor" {} },
            Some(Class::RadiationNecrosis) => { path d="M6 11.2.4 1h11.2Z" fill="currentColor" {} },
            Some(Class::Indeterminate) => {
                path d="M6 1 11 6 6 11 1 6Z" fill="none" stroke="currentColor" stroke-width="2" {}
            },
            Some(Class::Stable) => { path d="M.6 4h10.8v4H.6Z" fill="currentColor" {} },
            None => { circle cx="6" cy="6" r="4.4" fill="none" stroke="currentColor" stroke-width="1.6" {} },
        }
    }
}

/// A verdict's shape as a small picture; the word stands beside it.
pub fn class(class: Option<Class>) -> Markup {
    html! { svg viewBox="0 0 12 12" aria-hidden="true" { (class_path(class)) } }
}

/// The shape of how a measure reads.
pub fn pole(pole: Pole) -> Markup {
    class(match pole {
        Pole::High => Some(Class::Recurrence),
        Pole::Low => Some(Class::RadiationNecrosis),
        Pole::Grey => Some(Class::Indeterminate),
        Pole::Missing => None,
    })
}

/// The shape of a quality word: tick, exclamation mark, cross.
pub fn quality(quality: Quality) -> Markup {
    let (path, width) = match quality {
        Quality::Pass => ("m1.4 6.4 3 3.1L10.6 2.6", "2"),
        Quality::Caution => ("M6 1v6M6 9v2", "2.2"),
        Quality::Fail => ("m2 2 8 8M10 2 2 10", "2.2"),
    };
    html! {
        svg viewBox="0 0 12 12" aria-hidden="true" {
            path d=(path) fill="none" stroke="currentColor" stroke-width=(width) {}
        }
    }
}

/// The color of a verdict, as a variable of the page.
pub fn class_color(class: Option<Class>) -> &'static str {
    match class {
        Some(Class::Recurrence | Class::SuspectedRecurrence) => "var(--rec)",
        Some(Class::RadiationNecrosis | Class::Stable) => "var(--nec)",
        Some(Class::Indeterminate) | None => "var(--ind)",
    }
}

/// The color class of a verdict's text.
pub fn class_style(class: Option<Class>) -> &'static str {
    match class {
        Some(Class::Recurrence | Class::SuspectedRecurrence) => "c-rec",
        Some(Class::RadiationNecrosis | Class::Stable) => "c-nec",
        Some(Class::Indeterminate) | None => "c-ind",
    }
}

/// The color class of how a measure reads.
pub fn pole_style(pole: Pole) -> &'static str {
    match pole {
        Pole::High => "c-rec",
        Pole::Low => "c-nec",
        Pole::Grey | Pole::Missing => "c-ind",
    }
}

/// The color class of a quality word.
pub fn quality_style(quality: Quality) -> &'static str {
    match quality {
        Quality::Pass => "c-ok",
        Quality::Caution => "c-warn",
        Quality::Fail => "c-fail",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_differ_in_shape() {
        let shapes = [
            Some(Class::Recurrence),
            Some(Class::RadiationNecrosis),
            Some(Class::Indeterminate),
            Some(Class::Stable),
            None,
        ]
        .map(|verdict| class_path(verdict).into_string());
        for (index, shape) in shapes.iter().enumerate() {
            assert!(!shapes[..index].contains(shape), "{shape}");
        }
    }
}
