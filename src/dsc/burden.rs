//! Fractional tumor burden: the share of a lesion below, between and above two rCBV cut-offs (Iv, AJNR 2019).

/// Shares of a lesion's usable voxels; they add up to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TumorBurden {
    /// Normalized rCBV below the lower cut-off.
    pub low: f64,
    /// From the lower to the upper cut-off, both included.
    pub mid: f64,
    /// Above the upper cut-off.
    pub high: f64,
}

/// The class of one voxel: 1 low, 2 mid, 3 high; 0 where rCBV is not estimated.
pub fn tumor_burden_class(rcbv: f32, low: f64, high: f64) -> u8 {
    let rcbv = f64::from(rcbv);
    if rcbv.is_nan() {
        0
    } else if rcbv < low {
        1
    } else if rcbv <= high {
        2
    } else {
        3
    }
}

/// The shares for normalized rCBV values; values that are not estimated are left out, `None` where none remains.
pub fn tumor_burden(rcbv: &[f32], low: f64, high: f64) -> Option<TumorBurden> {
    let mut counts = [0usize; 4];
    for &value in rcbv {
        counts[usize::from(tumor_burden_class(value, low, high))] += 1;
    }
    let total = (counts[1] + counts[2] + counts[3]) as f64;
    let share = |class: usize| counts[class] as f64 / total;
    (total > 0.0).then(|| TumorBurden { low: share(1), mid: share(2), high: share(3) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_off_itself_is_in_between() {
        let burden = tumor_burden(&[0.5, 1.0, 1.2, 1.75, 1.76, 3.0, f32::NAN, -0.1], 1.0, 1.75).unwrap();
        assert_eq!(burden, TumorBurden { low: 2.0 / 7.0, mid: 3.0 / 7.0, high: 2.0 / 7.0 });
    }

    #[test]
    fn nothing_estimated_has_no_burden() {
        assert_eq!(tumor_burden(&[f32::NAN], 1.0, 1.75), None);
        assert_eq!(tumor_burden(&[], 1.0, 1.75), None);
    }
}
