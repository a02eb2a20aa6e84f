/** Heap types, as Rust's `alloc` crate has them. */
export { Box } from "./boxed.ts";
export { AllocError, type Layout, layoutText } from "./layout.ts";
export { Rc, Weak } from "./rc.ts";
export { array, f64, i16, i32, i64, i8, type Type, u16, u32, u64, u8, usize } from "./types.ts";
export { type Reallocation, Vec, vec } from "./vec.ts";
