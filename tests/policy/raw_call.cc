#include "raw_call.h"

asm(R"(
    .text
    .globl sluice_raw_call
    .type sluice_raw_call, @function
sluice_raw_call:
    mov 0(%rdi), %rax
    mov 16(%rdi), %rsi
    mov 24(%rdi), %rdx
    mov 32(%rdi), %r10
    mov 40(%rdi), %r8
    mov 48(%rdi), %r9
    mov 8(%rdi), %rdi
    syscall
    .globl sluice_raw_call_ip
sluice_raw_call_ip:
    ret
    .size sluice_raw_call, . - sluice_raw_call

    .globl sluice_raw_call_i386
    .type sluice_raw_call_i386, @function
sluice_raw_call_i386:
    push %rbx
    mov %edi, %eax
    xor %ebx, %ebx
    xor %ecx, %ecx
    xor %edx, %edx
    int $0x80
    pop %rbx
    ret
    .size sluice_raw_call_i386, . - sluice_raw_call_i386
)");
