//! The compiler runtime: functions that clang calls instead of emitting instructions, taken one by
//! one from the wheel's compiler_rt. Its sin, cos and tan stand in for musl's, which the wheel
//! leaves out; everything else of compiler_rt that libc has too stays out, so that no weak copy
//! can win over libc's own.

comptime {
    // long double is IEEE quad precision and has no instructions.
    _ = @import("compiler_rt/addtf3.zig");
    _ = @import("compiler_rt/subtf3.zig");
    _ = @import("compiler_rt/multf3.zig");
    _ = @import("compiler_rt/divtf3.zig");
    _ = @import("compiler_rt/negtf2.zig");
    _ = @import("compiler_rt/cmptf2.zig");
    _ = @import("compiler_rt/getf2.zig");
    _ = @import("compiler_rt/unordtf2.zig");
    _ = @import("compiler_rt/extenddftf2.zig");
    _ = @import("compiler_rt/extendsftf2.zig");
    _ = @import("compiler_rt/trunctfdf2.zig");
    _ = @import("compiler_rt/trunctfsf2.zig");
    _ = @import("compiler_rt/fixtfsi.zig");
    _ = @import("compiler_rt/fixtfdi.zig");
    _ = @import("compiler_rt/fixtfti.zig");
    _ = @import("compiler_rt/fixunstfsi.zig");
    _ = @import("compiler_rt/fixunstfdi.zig");
    _ = @import("compiler_rt/fixunstfti.zig");
    _ = @import("compiler_rt/floatsitf.zig");
    _ = @import("compiler_rt/floatditf.zig");
    _ = @import("compiler_rt/floattitf.zig");
    _ = @import("compiler_rt/floatunsitf.zig");
    _ = @import("compiler_rt/floatunditf.zig");
    _ = @import("compiler_rt/floatuntitf.zig");

    // _Float16 is computed in single precision.
    _ = @import("compiler_rt/extendhfsf2.zig");
    _ = @import("compiler_rt/extendhfdf2.zig");
    _ = @import("compiler_rt/extendhftf2.zig");
    _ = @import("compiler_rt/truncsfhf2.zig");
    _ = @import("compiler_rt/truncdfhf2.zig");
    _ = @import("compiler_rt/trunctfhf2.zig");

    // 128-bit integers.
    _ = @import("compiler_rt/mulXi3.zig");
    _ = @import("compiler_rt/shift.zig");
    _ = @import("compiler_rt/negXi2.zig");
    _ = @import("compiler_rt/int.zig");
    _ = @import("compiler_rt/divti3.zig");
    _ = @import("compiler_rt/udivti3.zig");
    _ = @import("compiler_rt/modti3.zig");
    _ = @import("compiler_rt/umodti3.zig");
    _ = @import("compiler_rt/udivmodti4.zig");
    _ = @import("compiler_rt/mulo.zig");
    _ = @import("compiler_rt/fixdfti.zig");
    _ = @import("compiler_rt/fixsfti.zig");
    _ = @import("compiler_rt/fixunsdfti.zig");
    _ = @import("compiler_rt/fixunssfti.zig");
    _ = @import("compiler_rt/floattidf.zig");
    _ = @import("compiler_rt/floattisf.zig");
    _ = @import("compiler_rt/floatuntidf.zig");
    _ = @import("compiler_rt/floatuntisf.zig");
    _ = @import("compiler_rt/count0bits.zig");
    _ = @import("compiler_rt/popcount.zig");
    _ = @import("compiler_rt/parity.zig");
    _ = @import("compiler_rt/bswap.zig");

    // Complex products and quotients with infinities; x to an integer power.
    _ = @import("compiler_rt/mulsc3.zig");
    _ = @import("compiler_rt/muldc3.zig");
    _ = @import("compiler_rt/multc3.zig");
    _ = @import("compiler_rt/divsc3.zig");
    _ = @import("compiler_rt/divdc3.zig");
    _ = @import("compiler_rt/divtc3.zig");
    _ = @import("compiler_rt/powiXf2.zig");

    // -ftrapv
    _ = @import("compiler_rt/absv.zig");
    _ = @import("compiler_rt/negv.zig");

    // The part of libm that the wheel keeps here.
    _ = @import("compiler_rt/sin.zig");
    _ = @import("compiler_rt/cos.zig");
    _ = @import("compiler_rt/tan.zig");
    _ = @import("compiler_rt/sincos.zig");
    _ = @import("compiler_rt/floor.zig");
    _ = @import("compiler_rt/fabs.zig");
}
