//! A time series kept only where it is needed: time-major rows over the voxels of a mask.
//!
//! `[frame][voxel]` with the voxels of the mask compacted, in the file's own sample type: a brain of 140,000 voxels
//! over 90 frames of `int16` takes 25 MB, and a block of neighbouring voxels is one contiguous run per frame.

use multiversion::multiversion;

use super::volume::Mask;

/// The samples of a series in the type its file stores.
#[derive(Debug, Clone, PartialEq)]
pub enum Samples {
    /// `value = stored · slope + intercept`, as NIfTI's `scl_slope` and `scl_inter` have it.
    Int16 {
        /// `frames × voxels` stored samples, frame by frame.
        data: Vec<i16>,
        /// Scale.
        slope: f64,
        /// Offset.
        intercept: f64,
    },
    /// Values as they are.
    Float32(Vec<f32>),
}

/// A time series over the voxels of a mask.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The voxels that are kept, and the grid they stand on.
    pub mask: Mask,
    /// Number of time frames.
    pub frames: usize,
    /// Number of voxels kept: the mask's count.
    pub voxels: usize,
    /// Samples, frame by frame, each row in the mask's order.
    pub samples: Samples,
}

impl Series {
    /// Copies the values of voxels `from .. from + width` into `block`, frame by frame (`frames × width`).
    ///
    /// # Panics
    /// When `block` does not hold `frames × width` values or the range runs past the last voxel.
    pub fn block(&self, from: usize, width: usize, block: &mut [f32]) {
        assert_eq!(block.len(), self.frames * width, "a block holds frames × width values");
        for (frame, row) in block.chunks_exact_mut(width).enumerate() {
            let range = frame * self.voxels + from..frame * self.voxels + from + width;
            match &self.samples {
                Samples::Int16 { data, slope, intercept } => {
                    scale_row(&data[range], *slope, *intercept, row);
                }
                Samples::Float32(data) => row.copy_from_slice(&data[range]),
            }
        }
    }

    /// The values of all voxels at one time, in the mask's order.
    pub fn frame(&self, frame: usize) -> Vec<f32> {
        let range = frame * self.voxels..(frame + 1) * self.voxels;
        match &self.samples {
            Samples::Int16 { data, slope, intercept } => {
                let mut values = vec![0.0; self.voxels];
                scale_row(&data[range], *slope, *intercept, &mut values);
                values
            }
            Samples::Float32(data) => data[range].to_vec(),
        }
    }

    /// The curve of one voxel.
    pub fn curve(&self, voxel: usize) -> Vec<f32> {
        let mut curve = vec![0.0; self.frames];
        self.block(voxel, 1, &mut curve);
        curve
    }
}

/// Stored samples to values.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512dq+avx512bw", "x86_64+avx2"))]
fn scale_row(stored: &[i16], slope: f64, intercept: f64, values: &mut [f32]) {
    if slope == 1.0 && intercept == 0.0 {
        for (value, &stored) in values.iter_mut().zip(stored) {
            *value = f32::from(stored);
        }
    } else {
        for (value, &stored) in values.iter_mut().zip(stored) {
            // The same bits as a volume of this frame has: computed in f64, stored in f32.
            *value = (f64::from(stored) * slope + intercept) as f32;
        }
    }
}
