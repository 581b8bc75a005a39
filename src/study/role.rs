//! What a file of a session can serve as, and the pattern by which it is looked for.

/// What a file serves as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// T1 after contrast.
    PostContrastT1,
    /// T1 without contrast.
    T1,
    /// FLAIR.
    Flair,
    /// DSC series, or its first echo.
    Dsc,
    /// Second echo of a DSC series.
    DscSecondEcho,
    /// ASL series.
    Asl,
    /// Volume types of the ASL series.
    AslContext,
    /// Equilibrium magnetization of the ASL series.
    M0,
    /// DCE series.
    Dce,
    /// Flip-angle images for T1 mapping.
    FlipAngles,
    /// T1 map.
    T1Map,
    /// PET image.
    Pet,
    /// Lesion mask.
    Lesions,
    /// Reference (white-matter) mask.
    Reference,
    /// Brain mask.
    Brain,
    /// Background that uptake is divided by.
    Background,
    /// Rigid transform between two images.
    Transform,
}

impl Role {
    /// Every role, in the order in which an inventory lists them.
    pub const ALL: &'static [Self] = &[
        Self::PostContrastT1,
        Self::T1,
        Self::Flair,
        Self::Dsc,
        Self::DscSecondEcho,
        Self::Asl,
        Self::AslContext,
        Self::M0,
        Self::Dce,
        Self::FlipAngles,
        Self::T1Map,
        Self::Pet,
        Self::Lesions,
        Self::Reference,
        Self::Brain,
        Self::Background,
        Self::Transform,
    ];

    /// Plain words.
    pub const fn title(self) -> &'static str {
        match self {
            Self::PostContrastT1 => "T1 after contrast",
            Self::T1 => "T1",
            Self::Flair => "FLAIR",
            Self::Dsc => "DSC",
            Self::DscSecondEcho => "DSC, second echo",
            Self::Asl => "ASL",
            Self::AslContext => "ASL volume types",
            Self::M0 => "ASL M0",
            Self::Dce => "DCE",
            Self::FlipAngles => "flip angles",
            Self::T1Map => "T1 map",
            Self::Pet => "PET",
            Self::Lesions => "lesion mask",
            Self::Reference => "reference mask",
            Self::Brain => "brain mask",
            Self::Background => "PET background mask",
            Self::Transform => "transform",
        }
    }

    /// The file names that are looked for below the session's folder, or its folder in a derivative.
    pub const fn pattern(self) -> &'static str {
        match self {
            Self::PostContrastT1 => "anat/*_ce-*_T1w.nii[.gz], or *_T1w with ContrastBolusIngredient",
            Self::T1 => "anat/*_T1w.nii[.gz] without ce-",
            Self::Flair => "anat/*_FLAIR.nii[.gz]",
            Self::Dsc => "perf/*_dsc.nii[.gz], dsc/*_DSC.nii[.gz]",
            Self::DscSecondEcho => "perf/*_echo-2_dsc.nii[.gz]",
            Self::Asl => "perf/*_asl.nii[.gz]",
            Self::AslContext => "perf/*_aslcontext.tsv",
            Self::M0 => "perf/*_m0scan.nii[.gz]",
            Self::Dce => "perf/*_dce.nii[.gz], dce/*_DCE.nii[.gz]",
            Self::FlipAngles => "anat/*_flip-*_VFA.nii[.gz]",
            Self::T1Map => "anat/*_T1map.nii[.gz]",
            Self::Pet => "pet/*_trc-*_pet.nii[.gz]",
            Self::Lesions => {
                "derivatives/*/**/*_dseg.nii[.gz], derivatives/*/**/*_label-{L,lesion,tumor}_mask.nii[.gz]"
            }
            Self::Reference => "derivatives/*/**/*_label-{NAWM,reference}_mask.nii[.gz]",
            Self::Brain => "derivatives/*/**/*_desc-brain_mask.nii[.gz]",
            Self::Background => "derivatives/*/**/*_label-background_mask.nii[.gz]",
            Self::Transform => "derivatives/*/**/*_from-*_to-*_mode-image_xfm.txt",
        }
    }

    /// The column of a worklist.
    pub const fn column(self) -> Option<&'static str> {
        match self {
            Self::PostContrastT1 => Some("t1c"),
            Self::T1 => Some("t1"),
            Self::Flair => Some("flair"),
            Self::Dsc => Some("dsc"),
            Self::DscSecondEcho => Some("dsc_echo2"),
            Self::Asl => Some("asl"),
            Self::AslContext => Some("aslcontext"),
            Self::M0 => Some("m0"),
            Self::Dce => Some("dce"),
            Self::FlipAngles | Self::T1Map | Self::Transform => None,
            Self::Pet => Some("pet"),
            Self::Lesions => Some("lesions"),
            Self::Reference => Some("reference"),
            Self::Brain => Some("brain"),
            Self::Background => Some("background"),
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.title())
    }
}
