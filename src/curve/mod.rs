//! Curves over time, one or a block of them: baseline and arrival, areas, fits, convolution with exponentials.
//!
//! A block of curves is `[frame][lane]` with lane = voxel, so that inner loops run over lanes that lie side by side.
//! Kernels that run over blocks are compiled for several vector widths and chosen at run time; none of them uses a
//! fused multiply-add or adds across lanes, so all of them give the same bits.

pub mod area;
pub mod baseline;
pub mod clusters;
pub mod deconvolution;
pub mod exponential;
pub mod levenberg_marquardt;
pub mod linear_fit;
pub mod logarithm;
pub mod standard_svd;
pub mod tikhonov;
