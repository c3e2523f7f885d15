//! Functions of numbers that XLA can call: arrays in, arrays out, without Python in between.
//!
//! A [`Function`] is a type; [`address`] is what JAX registers of it (`jax.ffi.register_ffi_target`). XLA asks it once which version of the interface it
//! speaks, and then calls it from threads of its own. What is wrong becomes an error of XLA's, a panic too. Not here: what is computed.

mod abi;

use abi::CallFrame;
use std::ffi::{CString, c_char, c_int, c_void};
use std::panic::catch_unwind;

/// What XLA can call.
pub trait Function {
    /// Reads the inputs of a call, and writes all of its outputs.
    ///
    /// # Errors
    /// A sentence for the caller.
    fn call(call: &mut Call<'_>) -> Result<(), String>;
}

/// An array of real numbers that goes in.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers, row by row; those of float32 arrays as float64.
    pub numbers: Vec<f64>,
}

/// An array of real numbers to be written.
#[derive(Debug)]
pub struct Output<'a>(Numbers<'a>);

#[derive(Debug)]
enum Numbers<'a> {
    Double(&'a mut [f64]),
    Single(&'a mut [f32]),
}

impl Output<'_> {
    /// How many numbers it has.
    #[must_use]
    pub fn count(&self) -> usize {
        match &self.0 {
            Numbers::Double(numbers) => numbers.len(),
            Numbers::Single(numbers) => numbers.len(),
        }
    }

    /// Writes its numbers, row by row; a float32 array gets the nearest.
    ///
    /// # Errors
    /// A sentence, if it has another number of them.
    pub fn write(&mut self, numbers: &[f64]) -> Result<(), String> {
        if numbers.len() != self.count() {
            return Err(format!("an output has {} numbers, not {}", self.count(), numbers.len()));
        }
        match &mut self.0 {
            Numbers::Double(into) => into.copy_from_slice(numbers),
            Numbers::Single(into) => {
                for (into, &number) in into.iter_mut().zip(numbers) {
                    #[expect(clippy::cast_possible_truncation, reason = "the nearest is asked for")]
                    let nearest = number as f32;
                    *into = nearest;
                }
            }
        }
        Ok(())
    }
}

/// A call.
#[derive(Debug)]
pub struct Call<'a> {
    /// What goes in.
    pub inputs: Vec<Input>,
    /// What comes out.
    pub outputs: Vec<Output<'a>>,
    /// The attributes that are whole numbers of 64 bits, by name.
    pub integers: Vec<(String, i64)>,
}

impl Call<'_> {
    /// The attribute of this name.
    ///
    /// # Errors
    /// A sentence, if there is none.
    pub fn integer(&self, name: &str) -> Result<i64, String> {
        let found = self.integers.iter().find(|(known, _)| known == name);
        found.map(|&(_, number)| number).ok_or_else(|| format!("the attribute {name} is missing"))
    }
}

/// The address of a function of XLA's that calls `F`.
#[must_use]
pub fn address<F: Function>() -> usize {
    handle::<F> as *const () as usize
}

#[expect(
    unsafe_code,
    reason = "XLA hands over pointers to structures that live as long as the call"
)]
extern "C" fn handle<F: Function>(frame: *mut CallFrame) -> *mut c_void {
    // SAFETY: XLA calls with a frame that nobody else uses until the call returns.
    let Some(frame) = (unsafe { frame.as_mut() }) else { return std::ptr::null_mut() };
    // SAFETY: as above; the extensions of a frame live as long as it does.
    if unsafe { frame.answer_what_is_spoken() } {
        return std::ptr::null_mut();
    }
    let done = catch_unwind(|| {
        // SAFETY: as above; inputs are not written, and outputs are not read, by anyone else during the call.
        let mut call = unsafe { frame.call() }?;
        F::call(&mut call)
    });
    let message = match done {
        Ok(Ok(())) => return std::ptr::null_mut(),
        Ok(Err(message)) => message,
        Err(_) => "the function panicked".to_owned(),
    };
    let message = CString::new(message.replace('\0', " ")).unwrap_or_default();
    // SAFETY: XLA copies the message.
    unsafe { frame.error(message.as_ptr(), INVALID_ARGUMENT) }
}

/// XLA's code for what lies in the arguments.
const INVALID_ARGUMENT: c_int = 3;

#[expect(unsafe_code, reason = "the interface is one of pointers")]
impl CallFrame {
    /// Whether XLA only asks which version of the interface is spoken, which is then answered.
    ///
    /// # Safety
    /// The frame is one that XLA called with.
    unsafe fn answer_what_is_spoken(&mut self) -> bool {
        // SAFETY: extensions of a frame are there as long as it is.
        let Some(extension) = (unsafe { self.extension_start.as_mut() }) else { return false };
        if extension.kind != abi::METADATA {
            return false;
        }
        // SAFETY: an extension of this kind begins with the one that was read, and has metadata to be filled in.
        let extension =
            unsafe { &mut *std::ptr::from_mut(extension).cast::<abi::MetadataExtension>() };
        // SAFETY: as above.
        if let Some(metadata) = unsafe { extension.metadata.as_mut() } {
            metadata.api_version.major_version = abi::MAJOR;
            // SAFETY: the interface of XLA is there as long as XLA is. Minor versions add to what there is.
            metadata.api_version.minor_version = unsafe { self.api.as_ref() }
                .map_or(abi::MINOR, |api| api.api_version.minor_version);
            metadata.traits = 0;
        }
        true
    }

    /// The call.
    ///
    /// # Safety
    /// The frame is one that XLA called with, and nobody else uses its arrays.
    unsafe fn call<'a>(&self) -> Result<Call<'a>, String> {
        // SAFETY: a frame says how many arrays and attributes there are; each is there.
        unsafe {
            let inputs = pointers(self.args.size, self.args.args);
            let outputs = pointers(self.rets.size, self.rets.args);
            let inputs = inputs.iter().map(|&buffer| input(buffer.cast()));
            let outputs = outputs.iter().map(|&buffer| output(buffer.cast()));
            Ok(Call {
                inputs: inputs.collect::<Result<_, _>>()?,
                outputs: outputs.collect::<Result<_, _>>()?,
                integers: self.integers(),
            })
        }
    }

    /// # Safety
    /// As [`Self::call`].
    unsafe fn integers(&self) -> Vec<(String, i64)> {
        let abi::Attributes { size, types, names, attributes, .. } = &self.attrs;
        let count = usize::try_from(*size).unwrap_or(0);
        let mut all = Vec::new();
        for k in 0..count {
            // SAFETY: there are as many types, names and attributes as the frame says, and scalars are where it says so.
            unsafe {
                if *types.add(k) != abi::SCALAR {
                    continue;
                }
                let scalar = &*(*attributes.add(k)).cast::<abi::Scalar>();
                if scalar.dtype != abi::S64 {
                    continue;
                }
                let name = &*(*names.add(k));
                let letters = std::slice::from_raw_parts(name.start.cast::<u8>(), name.length);
                let name = String::from_utf8_lossy(letters).into_owned();
                all.push((name, scalar.value.cast::<i64>().read_unaligned()));
            }
        }
        all
    }

    /// # Safety
    /// `message` ends with a zero; the frame is one that XLA called with.
    unsafe fn error(&self, message: *const c_char, code: c_int) -> *mut c_void {
        let mut arguments = abi::ErrorCreate {
            struct_size: size_of::<abi::ErrorCreate>(),
            extension_start: std::ptr::null_mut(),
            message,
            code,
        };
        // SAFETY: the interface of XLA is there as long as XLA is.
        unsafe { ((*self.api).error_create)(&raw mut arguments) }
    }
}

/// # Safety
/// There are `size` pointers at `start`.
#[expect(unsafe_code, reason = "the interface is one of pointers")]
unsafe fn pointers<'a>(size: i64, start: *const *mut c_void) -> &'a [*mut c_void] {
    match usize::try_from(size) {
        // SAFETY: so the caller says.
        Ok(count) if count > 0 => unsafe { std::slice::from_raw_parts(start, count) },
        _ => &[],
    }
}

/// The shape of an array, and how many numbers it has.
///
/// # Safety
/// As XLA has it: `dims` has `rank` numbers.
#[expect(unsafe_code, reason = "the interface is one of pointers")]
unsafe fn shape(buffer: &abi::Buffer) -> (Vec<usize>, usize) {
    let rank = usize::try_from(buffer.rank).unwrap_or(0);
    let dims = match rank {
        0 => &[],
        // SAFETY: so the caller says.
        _ => unsafe { std::slice::from_raw_parts(buffer.dims, rank) },
    };
    let shape: Vec<usize> = dims.iter().map(|&n| usize::try_from(n).unwrap_or(0)).collect();
    let count = shape.iter().product();
    (shape, count)
}

fn other(dtype: c_int) -> String {
    format!("an array has XLA's type {dtype}; it must have float64 or float32")
}

/// # Safety
/// The buffer is one of a call.
#[expect(unsafe_code, reason = "the interface is one of pointers")]
unsafe fn input(buffer: *const abi::Buffer) -> Result<Input, String> {
    // SAFETY: so the caller says; a buffer has as many numbers as its shape says.
    unsafe {
        let buffer = &*buffer;
        let (shape, count) = shape(buffer);
        let numbers = match buffer.dtype {
            _ if count == 0 => Vec::new(),
            abi::F64 => std::slice::from_raw_parts(buffer.data.cast::<f64>(), count).to_vec(),
            abi::F32 => {
                let single = std::slice::from_raw_parts(buffer.data.cast::<f32>(), count);
                single.iter().copied().map(f64::from).collect()
            }
            dtype => return Err(other(dtype)),
        };
        Ok(Input { shape, numbers })
    }
}

/// # Safety
/// The buffer is one of a call, and no other reference to its numbers is there.
#[expect(unsafe_code, reason = "the interface is one of pointers")]
unsafe fn output<'a>(buffer: *const abi::Buffer) -> Result<Output<'a>, String> {
    // SAFETY: as for inputs.
    unsafe {
        let buffer = &*buffer;
        let (_, count) = shape(buffer);
        Ok(Output(match buffer.dtype {
            _ if count == 0 => Numbers::Double(&mut []),
            abi::F64 => {
                Numbers::Double(std::slice::from_raw_parts_mut(buffer.data.cast::<f64>(), count))
            }
            abi::F32 => {
                Numbers::Single(std::slice::from_raw_parts_mut(buffer.data.cast::<f32>(), count))
            }
            dtype => return Err(other(dtype)),
        }))
    }
}

#[cfg(test)]
#[expect(unsafe_code, reason = "the test takes the place of XLA")]
mod tests;
