//! LightGBM behind its C API: data sets and boosters as values that free themselves, its errors as texts.
//!
//! Fitting goes through here. Scoring does not: `predict` is what tests and benchmarks hold our own forest against.

use crate::model::Error;
use lightgbm3_sys as sys;
use std::ffi::{CStr, CString, c_int, c_void};

fn check(code: c_int) -> Result<(), Error> {
    if code == 0 {
        return Ok(());
    }
    // SAFETY: LightGBM returns a pointer to a thread-local text that lives until its next call on this thread.
    let text = unsafe { CStr::from_ptr(sys::LGBM_GetLastError()) };
    Err(Error::Trainer(text.to_string_lossy().into_owned()))
}

fn c_text(text: &str) -> CString {
    CString::new(text).expect("parameters hold no zero byte")
}

/// Rows, binned.
pub struct Dataset(sys::DatasetHandle);

impl Dataset {
    /// Bins [n, d] row-major values; with `like`, by the bins of another data set.
    pub fn new<T: Value>(rows: &[T], n_columns: usize, params: &str, like: Option<&Self>) -> Result<Self, Error> {
        let too_many = || Error::Examples("LightGBM takes at most 2^31 rows".into());
        let n = i32::try_from(rows.len() / n_columns.max(1)).map_err(|_| too_many())?;
        let mut handle = std::ptr::null_mut();
        let params = c_text(params);
        // SAFETY: `rows` holds n × d values of the type that is named and outlives the call, which copies what it keeps.
        check(unsafe {
            sys::LGBM_DatasetCreateFromMat(
                rows.as_ptr().cast::<c_void>(),
                T::TYPE,
                n,
                n_columns as i32,
                1,
                params.as_ptr(),
                like.map_or(std::ptr::null_mut(), |d| d.0),
                &mut handle,
            )
        })?;
        Ok(Self(handle))
    }

    /// Sets a field of floats: `label`, `weight`.
    pub fn set_floats(&mut self, field: &str, values: &[f32]) -> Result<(), Error> {
        self.set(field, values.as_ptr().cast(), values.len(), sys::C_API_DTYPE_FLOAT32 as c_int)
    }

    /// Sets the rows in each decision.
    pub fn set_groups(&mut self, groups: &[u32]) -> Result<(), Error> {
        let groups: Vec<i32> = groups.iter().map(|g| *g as i32).collect();
        self.set("group", groups.as_ptr().cast(), groups.len(), sys::C_API_DTYPE_INT32 as c_int)
    }

    fn set(&mut self, field: &str, values: *const c_void, n: usize, ty: c_int) -> Result<(), Error> {
        let field = c_text(field);
        // SAFETY: `values` points to n values of the type that is named; LightGBM copies them.
        check(unsafe { sys::LGBM_DatasetSetField(self.0, field.as_ptr(), values, n as c_int, ty) })
    }
}

impl Drop for Dataset {
    fn drop(&mut self) {
        // SAFETY: the handle came from LightGBM and is freed once.
        unsafe { sys::LGBM_DatasetFree(self.0) };
    }
}

/// A value of a row that LightGBM takes.
pub trait Value: Copy {
    /// Its number for the type.
    const TYPE: c_int;
}

impl Value for f32 {
    const TYPE: c_int = sys::C_API_DTYPE_FLOAT32 as c_int;
}

impl Value for f64 {
    const TYPE: c_int = sys::C_API_DTYPE_FLOAT64 as c_int;
}

/// A model in the making, which the data sets it learns from outlive, or a finished one.
pub struct Booster<'d> {
    handle: sys::BoosterHandle,
    data: std::marker::PhantomData<&'d Dataset>,
}

impl<'d> Booster<'d> {
    /// A booster without trees.
    pub fn new(train: &'d Dataset, params: &str) -> Result<Self, Error> {
        let mut handle = std::ptr::null_mut();
        let params = c_text(params);
        // SAFETY: the data set outlives the booster by its lifetime.
        check(unsafe { sys::LGBM_BoosterCreate(train.0, params.as_ptr(), &mut handle) })?;
        Ok(Self { handle, data: std::marker::PhantomData })
    }

    /// Adds a data set to measure on.
    pub fn validate(&mut self, data: &'d Dataset) -> Result<(), Error> {
        // SAFETY: the data set outlives the booster by its lifetime.
        check(unsafe { sys::LGBM_BoosterAddValidData(self.handle, data.0) })
    }

    /// Adds one tree; true when no split helps any more.
    pub fn update(&mut self) -> Result<bool, Error> {
        let mut finished = 0;
        // SAFETY: the handle is live.
        check(unsafe { sys::LGBM_BoosterUpdateOneIter(self.handle, &mut finished) })?;
        Ok(finished == 1)
    }

    /// The first metric on data set 0 (train) or 1 (validate).
    pub fn metric(&self, data: c_int) -> Result<f64, Error> {
        let mut n = 0;
        let mut values = [f64::NAN; 8];
        // SAFETY: one metric is asked for, and there is room for eight.
        check(unsafe { sys::LGBM_BoosterGetEval(self.handle, data, &mut n, values.as_mut_ptr()) })?;
        Ok(values[0])
    }

    /// The model's text with its first `n_trees` trees.
    pub fn text(&self, n_trees: usize) -> Result<String, Error> {
        let mut len = 0i64;
        let mut buffer = vec![0u8; 1 << 20];
        loop {
            let room = buffer.len() as i64;
            // SAFETY: the buffer has as much room as is said; LightGBM says how much it needs.
            check(unsafe {
                sys::LGBM_BoosterSaveModelToString(
                    self.handle,
                    0,
                    n_trees as c_int,
                    0,
                    room,
                    &mut len,
                    buffer.as_mut_ptr().cast(),
                )
            })?;
            if len <= room {
                buffer.truncate((len - 1).max(0) as usize);
                return String::from_utf8(buffer).map_err(|e| Error::Trainer(format!("its model is not text: {e}")));
            }
            buffer.resize(len as usize, 0);
        }
    }

    /// Total gain of each column's splits over the first `n_trees` trees.
    pub fn gains(&self, n_columns: usize, n_trees: usize) -> Result<Vec<f64>, Error> {
        let mut out = vec![0.0; n_columns];
        // SAFETY: there is room for a value a column.
        check(unsafe { sys::LGBM_BoosterFeatureImportance(self.handle, n_trees as c_int, 1, out.as_mut_ptr()) })?;
        Ok(out)
    }
}

impl Booster<'static> {
    /// A finished model.
    pub fn load(text: &str) -> Result<Self, Error> {
        let (mut handle, mut rounds) = (std::ptr::null_mut(), 0);
        let text = CString::new(text).map_err(|_| Error::Damaged("the model holds a zero byte".into()))?;
        // SAFETY: LightGBM copies what it keeps of the text.
        check(unsafe { sys::LGBM_BoosterLoadModelFromString(text.as_ptr(), &mut rounds, &mut handle) })?;
        Ok(Self { handle, data: std::marker::PhantomData })
    }
}

impl Booster<'_> {
    /// LightGBM's own raw scores. `rows`: [n, n_columns] row-major; `out`: [n].
    pub fn predict<T: Value>(&self, rows: &[T], n_columns: usize, params: &str, out: &mut [f64]) -> Result<(), Error> {
        assert_eq!(rows.len(), out.len() * n_columns, "there is a score for each row");
        let (params, mut written) = (c_text(params), 0);
        // SAFETY: `rows` holds n × d values of the type that is named, and `out` has room for n: forests of several classes, which would
        // write more, cannot be fitted here.
        check(unsafe {
            sys::LGBM_BoosterPredictForMat(
                self.handle,
                rows.as_ptr().cast::<c_void>(),
                T::TYPE,
                out.len() as i32,
                n_columns as i32,
                1,
                sys::C_API_PREDICT_RAW_SCORE as c_int,
                0,
                -1,
                params.as_ptr(),
                &mut written,
                out.as_mut_ptr(),
            )
        })
    }

    /// What scores single rows fastest in LightGBM.
    pub fn single<T: Value>(&self, n_columns: usize, params: &str) -> Result<Single<'_, T>, Error> {
        let (mut config, params) = (std::ptr::null_mut(), c_text(params));
        // SAFETY: the booster outlives the configuration by its lifetime.
        check(unsafe {
            sys::LGBM_BoosterPredictForMatSingleRowFastInit(
                self.handle,
                sys::C_API_PREDICT_RAW_SCORE as c_int,
                0,
                -1,
                T::TYPE,
                n_columns as i32,
                params.as_ptr(),
                &mut config,
            )
        })?;
        Ok(Single { config, n_columns, booster: std::marker::PhantomData })
    }
}

/// Scores one row at a time.
pub struct Single<'b, T> {
    config: sys::FastConfigHandle,
    n_columns: usize,
    booster: std::marker::PhantomData<(&'b (), T)>,
}

impl<T: Value> Single<'_, T> {
    /// The raw score of a row.
    pub fn predict(&mut self, row: &[T]) -> Result<f64, Error> {
        assert_eq!(row.len(), self.n_columns, "a row has as many values as there are columns");
        let (mut out, mut written) = (0.0, 0);
        // SAFETY: the row has as many values of its type as the configuration was made for.
        check(unsafe {
            sys::LGBM_BoosterPredictForMatSingleRowFast(self.config, row.as_ptr().cast(), &mut written, &mut out)
        })?;
        Ok(out)
    }
}

impl<T> Drop for Single<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the configuration came from LightGBM and is freed once.
        unsafe { sys::LGBM_FastConfigFree(self.config) };
    }
}

impl Drop for Booster<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle came from LightGBM and is freed once.
        unsafe { sys::LGBM_BoosterFree(self.handle) };
    }
}
