//! The structures of XLA's interface for foreign functions, as far as a function on the CPU meets them: `xla/ffi/api/c_api.h`, version 0.3.
//!
//! The names are ours; order and types of the fields are what counts. Not here: any use of them.

use std::ffi::{c_char, c_int, c_void};

/// The version that this was written by.
pub(crate) const MAJOR: c_int = 0;
/// Of it.
pub(crate) const MINOR: c_int = 3;

/// Kind of an extension: XLA asks about the function.
pub(crate) const METADATA: c_int = 1;
/// Kind of an attribute: a number.
pub(crate) const SCALAR: c_int = 3;
/// Types of numbers.
pub(crate) const S64: c_int = 5;
pub(crate) const F32: c_int = 11;
pub(crate) const F64: c_int = 12;

#[repr(C)]
pub(crate) struct Extension {
    pub(crate) struct_size: usize,
    pub(crate) kind: c_int,
    pub(crate) next: *mut Extension,
}

#[repr(C)]
pub(crate) struct Version {
    pub(crate) struct_size: usize,
    pub(crate) extension_start: *mut Extension,
    pub(crate) major_version: c_int,
    pub(crate) minor_version: c_int,
}

#[repr(C)]
pub(crate) struct Metadata {
    pub(crate) struct_size: usize,
    pub(crate) api_version: Version,
    pub(crate) traits: u32,
    pub(crate) state_type: i64,
}

#[repr(C)]
pub(crate) struct MetadataExtension {
    pub(crate) base: Extension,
    pub(crate) metadata: *mut Metadata,
}

#[repr(C)]
pub(crate) struct Buffer {
    pub(crate) struct_size: usize,
    pub(crate) extension_start: *mut Extension,
    pub(crate) dtype: c_int,
    pub(crate) data: *mut c_void,
    pub(crate) rank: i64,
    pub(crate) dims: *const i64,
}

/// Arguments, and results.
#[repr(C)]
pub(crate) struct Arrays {
    pub(crate) struct_size: usize,
    pub(crate) extension_start: *mut Extension,
    pub(crate) size: i64,
    pub(crate) types: *const c_int,
    pub(crate) args: *const *mut c_void,
}

#[repr(C)]
pub(crate) struct Letters {
    pub(crate) start: *const c_char,
    pub(crate) length: usize,
}

#[repr(C)]
pub(crate) struct Scalar {
    pub(crate) dtype: c_int,
    pub(crate) value: *const c_void,
}

#[repr(C)]
pub(crate) struct Attributes {
    pub(crate) struct_size: usize,
    pub(crate) extension_start: *mut Extension,
    pub(crate) size: i64,
    pub(crate) types: *const c_int,
    pub(crate) names: *const *const Letters,
    pub(crate) attributes: *const *const c_void,
}

#[repr(C)]
pub(crate) struct ErrorCreate {
    pub(crate) struct_size: usize,
    pub(crate) extension_start: *mut Extension,
    pub(crate) message: *const c_char,
    pub(crate) code: c_int,
}

/// What XLA offers; what comes after this is not asked for.
#[repr(C)]
pub(crate) struct Api {
    pub(crate) struct_size: usize,
    pub(crate) extension_start: *mut Extension,
    pub(crate) api_version: Version,
    pub(crate) internal: *const c_void,
    pub(crate) error_create: unsafe extern "C" fn(*mut ErrorCreate) -> *mut c_void,
}

/// A call.
#[repr(C)]
pub(crate) struct CallFrame {
    pub(crate) struct_size: usize,
    pub(crate) extension_start: *mut Extension,
    pub(crate) api: *const Api,
    pub(crate) context: *mut c_void,
    pub(crate) stage: c_int,
    pub(crate) args: Arrays,
    pub(crate) rets: Arrays,
    pub(crate) attrs: Attributes,
    pub(crate) future: *mut c_void,
}
