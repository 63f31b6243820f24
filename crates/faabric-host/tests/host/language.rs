//! The proposals that C and C++ programs need, in both tiers.

use crate::{exits_with, expect_code};

#[test]
fn exceptions_cross_frames_and_are_caught() {
    let definitions = "
        (tag $t (param i32))
        (func $throws (param i32) (if (local.get 0) (then (throw $t (i32.const 40)))))
        (func $between (param i32) (call $throws (local.get 0)) )";
    let body = "(i32.add (i32.const 2)
        (block $caught (result i32)
            (try_table (catch $t $caught) (call $between (i32.const 1)))
            (i32.const 0)))";
    expect_code(&exits_with(definitions, body), 42);
}

#[test]
fn an_exception_is_caught_and_thrown_again() {
    let definitions = "
        (tag $t (param i32))
        (func $rethrows
            (block $caught (result exnref)
                (try_table (catch_all_ref $caught) (throw $t (i32.const 9)))
                (return))
            (throw_ref))";
    let body = "(block $caught (result i32)
        (try_table (catch $t $caught) (call $rethrows))
        (i32.const 0))";
    expect_code(&exits_with(definitions, body), 9);
}

#[test]
fn simd() {
    let body = "(i32x4.extract_lane 3
        (i32x4.add (v128.const i32x4 1 2 3 4) (i32x4.splat (i32.const 10))))";
    expect_code(&exits_with("", body), 14);
}

#[test]
fn multi_value_references_and_bulk_memory() {
    let definitions = r#"
        (memory 1)
        (data $d "\05\06\07")
        (table $refs 2 externref)
        (func $two (result i32 i32) (i32.const 30) (i32.const 4))
        (func $sum (result i32) (i32.add (call $two)))"#;
    let body = "(i32.add (call $sum) (block (result i32)
        (memory.init $d (i32.const 0) (i32.const 0) (i32.const 3))
        (memory.copy (i32.const 8) (i32.const 1) (i32.const 2))
        (table.fill $refs (i32.const 0) (ref.null extern) (i32.const 2))
        (i32.load8_u (i32.const 9))))";
    expect_code(&exits_with(definitions, body), 41);
}

#[test]
fn a_table_that_is_never_written_is_called_through() {
    // As clang lays it out: full from entry 1 on, which LLVM makes constant data.
    let definitions = "
        (type $unary (func (param i32) (result i32)))
        (table (export \"__indirect_function_table\") 3 3 funcref)
        (elem (i32.const 1) $double $negate)
        (func $double (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
        (func $negate (param i32) (result i32) (i32.sub (i32.const 0) (local.get 0)))
        (global $one (mut i32) (i32.const 1))";
    let body = "(i32.sub
        (call_indirect (type $unary) (i32.const 20) (global.get $one))
        (call_indirect (type $unary) (i32.const 2) (i32.add (global.get $one) (i32.const 1))))";
    expect_code(&exits_with(definitions, body), 42);
}
