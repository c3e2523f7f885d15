//! Calls as XLA makes them, with frames laid out by hand. Python's tests ask XLA itself (`python/tests/test_jax.py`).

use super::{Call, Function, handle};
use crate::abi;
use std::ffi::{CStr, c_int, c_void};
use std::ptr::{null, null_mut};
use std::sync::Mutex;

/// Multiplies by an attribute; refuses 0, and panics at 1.
struct Times;

impl Function for Times {
    fn call(call: &mut Call<'_>) -> Result<(), String> {
        let factor = match call.integer("factor")? {
            0 => return Err("the factor is 0".into()),
            1 => panic!("a factor of 1"),
            factor => f64::from(i32::try_from(factor).map_err(|error| error.to_string())?),
        };
        assert_eq!(call.inputs[0].shape, [3]);
        let product: Vec<f64> = call.inputs[0].numbers.iter().map(|x| factor * x).collect();
        call.outputs[0].write(&product)
    }
}

/// What XLA was told.
static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

unsafe extern "C" fn error_create(arguments: *mut abi::ErrorCreate) -> *mut c_void {
    // SAFETY: the function under test passes a message that ends with a zero.
    let message = unsafe { CStr::from_ptr((*arguments).message) };
    SAID.lock().unwrap().push(message.to_string_lossy().into_owned());
    // Any address that is not null is an error.
    arguments.cast()
}

fn version(minor_version: c_int) -> abi::Version {
    abi::Version { struct_size: 0, extension_start: null_mut(), major_version: 0, minor_version }
}

fn api() -> abi::Api {
    let (extension_start, internal) = (null_mut(), null());
    abi::Api { struct_size: 0, extension_start, api_version: version(7), internal, error_create }
}

fn buffer<T>(dtype: c_int, data: &mut [T], dims: &[i64]) -> abi::Buffer {
    abi::Buffer {
        struct_size: 0,
        extension_start: null_mut(),
        dtype,
        data: data.as_mut_ptr().cast(),
        rank: dims.len().try_into().unwrap(),
        dims: dims.as_ptr(),
    }
}

/// Calls with one input, one output and a factor; whether it was an error.
fn call(input: &abi::Buffer, output: &abi::Buffer, factor: i64) -> bool {
    let api = api();
    let (args, rets) =
        ([std::ptr::from_ref(input).cast_mut()], [std::ptr::from_ref(output).cast_mut()]);
    let arrays = |args: &[*mut abi::Buffer; 1]| abi::Arrays {
        struct_size: 0,
        extension_start: null_mut(),
        size: 1,
        types: null(),
        args: args.as_ptr().cast(),
    };
    let scalar = abi::Scalar { dtype: abi::S64, value: (&raw const factor).cast() };
    let name = abi::Letters { start: c"factor".as_ptr(), length: 6 };
    let (types, names) = ([abi::SCALAR], [&raw const name]);
    let attributes = [(&raw const scalar).cast::<c_void>()];
    let mut frame = abi::CallFrame {
        struct_size: 0,
        extension_start: null_mut(),
        api: &raw const api,
        context: null_mut(),
        stage: 3,
        args: arrays(&args),
        rets: arrays(&rets),
        attrs: abi::Attributes {
            struct_size: 0,
            extension_start: null_mut(),
            size: 1,
            types: types.as_ptr(),
            names: names.as_ptr(),
            attributes: attributes.as_ptr(),
        },
        future: null_mut(),
    };
    !handle::<Times>(&raw mut frame).is_null()
}

#[test]
fn numbers_go_in_and_come_out_in_either_precision() {
    let (mut double, mut product) = ([1.0, 2.0, 0.5f64], [0.0f64; 3]);
    let (from, to) = (buffer(abi::F64, &mut double, &[3]), buffer(abi::F64, &mut product, &[3]));
    assert!(!call(&from, &to, 3));
    assert_eq!(product.map(f64::to_bits), [3.0, 6.0, 1.5].map(f64::to_bits));
    let (mut single, mut product) = ([1.0, 2.0, 0.5f32], [0.0f32; 3]);
    let (from, to) = (buffer(abi::F32, &mut single, &[3]), buffer(abi::F32, &mut product, &[3]));
    assert!(!call(&from, &to, 3));
    assert_eq!(product.map(f32::to_bits), [3.0, 6.0, 1.5].map(f32::to_bits));
}

#[test]
fn what_goes_wrong_is_an_error_of_xlas() {
    let (mut x, mut product) = ([1.0, 2.0, 0.5f64], [0.0f64; 3]);
    let (from, to) = (buffer(abi::F64, &mut x, &[3]), buffer(abi::F64, &mut product, &[3]));
    assert!(call(&from, &to, 0) && call(&from, &to, 1));
    let mut short = [0.0f64; 2];
    assert!(call(&from, &buffer(abi::F64, &mut short, &[2]), 2));
    let mut whole = [1i64, 2, 3];
    assert!(call(&buffer(abi::S64, &mut whole, &[3]), &to, 2));
    let said = SAID.lock().unwrap();
    for expected in ["the factor is 0", "panicked", "2 numbers, not 3", "type 5"] {
        assert!(said.iter().any(|message| message.contains(expected)), "{expected} in {said:?}");
    }
}

#[test]
fn the_version_that_xla_speaks_is_spoken() {
    let api = api();
    let mut metadata =
        abi::Metadata { struct_size: 0, api_version: version(0), traits: 9, state_type: 0 };
    let mut extension = abi::MetadataExtension {
        base: abi::Extension { struct_size: 0, kind: abi::METADATA, next: null_mut() },
        metadata: &raw mut metadata,
    };
    let nothing = || abi::Arrays {
        struct_size: 0,
        extension_start: null_mut(),
        size: 0,
        types: null(),
        args: null(),
    };
    let mut frame = abi::CallFrame {
        struct_size: 0,
        extension_start: (&raw mut extension).cast(),
        api: &raw const api,
        context: null_mut(),
        stage: 0,
        args: nothing(),
        rets: nothing(),
        attrs: abi::Attributes {
            struct_size: 0,
            extension_start: null_mut(),
            size: 0,
            types: null(),
            names: null(),
            attributes: null(),
        },
        future: null_mut(),
    };
    assert!(handle::<Times>(&raw mut frame).is_null());
    assert_eq!(
        (metadata.api_version.major_version, metadata.api_version.minor_version, metadata.traits),
        (0, 7, 0)
    );
}
