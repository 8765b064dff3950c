//! All parts of the verification, in the order of the report.

use std::pin::Pin;

use crate::{
    canary, delivery, fuzz, histories, model_check,
    report::{Scale, Section},
    seeded_defects, soak, tampering, timing,
};

type Running = Pin<Box<dyn Future<Output = Section>>>;

/// A part of the verification.
pub struct Part {
    /// Its name on the command line.
    pub name: &'static str,
    /// Runs it.
    pub run: fn(Scale) -> Running,
}

/// All parts.
pub const PARTS: &[Part] = &[
    Part { name: "histories", run: |scale| Box::pin(async move { histories::run(&scale).await }) },
    Part { name: "seeded-defects", run: |scale| Box::pin(async move { seeded_defects::run(&scale).await }) },
    Part { name: "model-check", run: |scale| Box::pin(async move { model_check::run(&scale) }) },
    Part { name: "delivery", run: |scale| Box::pin(async move { delivery::run(&scale).await }) },
    Part { name: "soak", run: |scale| Box::pin(async move { soak::run(&scale).await }) },
    Part { name: "fuzz", run: |scale| Box::pin(async move { fuzz::run(&scale) }) },
    Part { name: "tampering", run: |scale| Box::pin(async move { tampering::run(&scale).await }) },
    Part { name: "timing", run: |scale| Box::pin(async move { timing::run(&scale).await }) },
    Part { name: "canary", run: |scale| Box::pin(async move { canary::run(&scale).await }) },
];
