//! The lesion masks of a session, each for the series it serves.

use std::collections::BTreeMap;

use crate::lesion::Split;
use crate::pipeline::error::SessionError;
use crate::pipeline::masks::LesionMasks;
use crate::quality::{Caveat, CaveatCode};
use crate::settings::Settings;
use crate::study::{MaskKind, MaskTarget, SessionInputs};
/// The lesions of a session, and the masks on series' own grids.
pub(super) struct SessionMasks {
    /// Lesions as drawn on the anatomical grid, or on whichever there is.
    pub(super) own: LesionMasks,
    /// Lesions of every mask of the session, by the name of its file.
    all: BTreeMap<String, LesionMasks>,
}

impl SessionMasks {
    pub(super) fn read(
        session: &SessionInputs,
        split: Option<Split>,
        settings: &Settings,
    ) -> Result<Self, SessionError> {
        let mut all = BTreeMap::new();
        for source in &session.lesions {
            let names: BTreeMap<u32, String> =
                source.facts.iter().filter_map(|(label, facts)| Some((*label, facts.name.clone()?))).collect();
            let masks = LesionMasks::read(&source.file, source.kind, &names, split, &settings.lesion)?;
            all.insert(source.file.relative().to_owned(), masks);
        }
        let anatomical = session.lesions_for(MaskTarget::Anatomy).and_then(|source| all.get(source.file.relative()));
        let mut own = anatomical.cloned().unwrap_or_default();
        // A label that only a mask on a series' grid holds is a lesion too.
        let labeled = session.lesions.iter().filter(|source| source.kind == MaskKind::Labels);
        for masks in labeled.filter_map(|source| all.get(source.file.relative())) {
            own.add_missing(masks);
        }
        Ok(Self { own, all })
    }

    /// The lesions as they serve a series: drawn on its own grid where such a mask holds the same lesions.
    ///
    /// METHOD: components of two binary masks carry no names, so they are matched only where each mask is one lesion.
    pub(super) fn serving(&self, session: &SessionInputs, target: MaskTarget<'_>) -> LesionMasks {
        let Some(source) = session.lesions_for(target) else { return self.own.clone() };
        let Some(masks) = self.all.get(source.file.relative()) else { return self.own.clone() };
        let matched = source.kind == MaskKind::Labels || (masks.lesions.len() == 1 && self.own.lesions.len() == 1);
        if matched {
            return self.own.preferring(masks);
        }
        let mut unmatched = self.own.clone();
        let same_file = session.lesions_for(MaskTarget::Anatomy).is_some_and(|own| own.file == source.file);
        if !same_file {
            unmatched.caveats.push(Caveat::new(CaveatCode::MasksNotMatched, source.file.relative()));
        }
        unmatched
    }
}
