//! A seeded simulated market with planted truth.
