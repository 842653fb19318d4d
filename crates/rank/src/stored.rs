//! How models are stored: the columns they were fitted on, then their own bytes.

use crate::model::Error;
use tamis_spec::matrix::ColumnSpec;

const MAGIC: &[u8; 8] = b"tamismd1";

/// Columns and a model as one.
pub(crate) fn pack(columns: &[ColumnSpec], model: &[u8]) -> Vec<u8> {
    let head = serde_json::to_vec(columns).expect("columns are plain data");
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&(head.len() as u64).to_le_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(model);
    out
}

/// The model, if it was fitted on these columns.
pub(crate) fn unpack<'b>(bytes: &'b [u8], columns: &[ColumnSpec]) -> Result<&'b [u8], Error> {
    let damaged = || Error::Damaged("its head is not that of a model".into());
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(damaged)?;
    let (len, rest) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
    let len = usize::try_from(u64::from_le_bytes(*len)).map_err(|_| damaged())?;
    let (head, model) = rest.split_at_checked(len).ok_or_else(damaged)?;
    let fitted: Vec<ColumnSpec> = serde_json::from_slice(head).map_err(|_| damaged())?;
    if fitted != columns {
        return Err(Error::Columns { fitted, given: columns.to_vec() });
    }
    Ok(model)
}
