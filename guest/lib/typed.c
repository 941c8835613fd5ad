/*
 * Copyright (C) the Hyperlight for nginx authors
 *
 * typed.c: functions with parameters and a result: registration, checking of
 * a call against it, and the call itself.  Texts of errors are Hyperlight's.
 */

#include <stdlib.h>
#include <string.h>

#include "hl_guest.h"


hl_noreturn static void hl_typed_unsupported(const char *name);
static hl_Result *hl_typed_invoke(const hl_entry_t *entry,
    const hl_abi_input_t *input);
static bool hl_typed_check(const hl_entry_t *entry,
    const hl_abi_input_t *input);
static hl_Result *hl_typed_run(hl_CGuestFunc function,
    const hl_abi_input_t *input);
static void hl_typed_param(hl_Parameter *param, const hl_abi_value_t *value);
static void hl_typed_free(hl_Parameter *params, size_t n);


static const char *const  hl_typed_names[] = {
    "Int", "UInt", "Long", "ULong", "Float", "Double", "String", "Bool",
    "VecBytes"
};


void
hl_register_function_definition(const char *function_name,
    hl_CGuestFunc func_ptr, uintptr_t param_no,
    const hl_ParameterType *params_type, hl_ReturnType return_type)
{
    size_t      i;
    hl_entry_t  entry;

    if (function_name == NULL) {
        hl_abort_fmt(hl_ErrorCode_GuestFunctionNameNotProvided,
                     "a function is registered without a name");
    }

    if ((unsigned) return_type > hl_ReturnType_VecBytes) {
        hl_typed_unsupported(function_name);
    }

    memset(&entry, 0, sizeof(hl_entry_t));

    entry.name = function_name;
    entry.kind = HL_FUNCTION_TYPED;
    entry.invoke = hl_typed_invoke;
    entry.function = (hl_any_function_pt) func_ptr;
    entry.result = return_type;
    entry.param_count = param_no;

    for (i = 0; i < param_no && i < HL_ABI_PARAMS_MAX; i++) {

        if ((unsigned) params_type[i] > hl_ParameterType_VecBytes) {
            hl_typed_unsupported(function_name);
        }

        entry.params[i] = params_type[i];
    }

    hl_entry_add(&entry);
}


static void
hl_typed_unsupported(const char *name)
{
    hl_abort_fmt(hl_ErrorCode_UnsupportedParameterType,
                 "function %.*s is registered with a type that does not "
                 "exist", HL_ABI_NAME_MAX / 2, name);
}


static hl_Result *
hl_typed_invoke(const hl_entry_t *entry, const hl_abi_input_t *input)
{
    hl_Result  *result;

    if (!hl_typed_check(entry, input)) {
        return NULL;
    }

    result = hl_typed_run((hl_CGuestFunc) entry->function, input);

    if (result != NULL || hl_guest.error != NULL) {
        return result;
    }

    if (hl_guest.host_error != NULL) {
        hl_set_error(hl_ErrorCode_HostFunctionError, hl_guest.host_error);

    } else {
        hl_set_error_fmt(hl_ErrorCode_GuestError,
                         "C guest function \"%s\" returned null",
                         entry->name);
    }

    return NULL;
}


hl_Result *
hl_typed_fallback(const hl_abi_input_t *input, const char *name)
{
    hl_Result  *result;

    result = hl_typed_run(c_guest_dispatch_function, input);

    if (result == NULL && hl_guest.error == NULL) {
        hl_set_error(hl_ErrorCode_GuestFunctionNotFound, name);
    }

    return result;
}


static bool
hl_typed_check(const hl_entry_t *entry, const hl_abi_input_t *input)
{
    size_t                 i, n;
    hl_ParameterType       type;
    const hl_abi_value_t  *value;

    n = entry->param_count;

    if (n > HL_ABI_PARAMS_MAX) {
        hl_set_error_fmt(hl_ErrorCode_GuestError,
                         "Function %s has too many parameters: %zu "
                         "(max allowed is %d).",
                         entry->name, n, HL_ABI_PARAMS_MAX);
        return false;
    }

    if (n != input->param_count) {
        hl_set_error_fmt(hl_ErrorCode_GuestFunctionIncorrecNoOfParameters,
                         "Called function %s with %u parameters but it "
                         "takes %zu.",
                         entry->name, (unsigned) input->param_count, n);
        return false;
    }

    value = hl_ptr(const hl_abi_value_t, (uintptr_t) input + input->values);

    for (i = 0; i < n; i++) {
        type = hl_type_from_abi(value->type);

        if (type != entry->params[i]) {
            hl_set_error_fmt(hl_ErrorCode_GuestFunctionParameterTypeMismatch,
                             "Expected parameter type %s for parameter index "
                             "%zu of function %s but got %s.",
                             hl_typed_names[entry->params[i]], i,
                             entry->name, hl_typed_names[type]);
            return false;
        }

        value = hl_value_next(value);
    }

    return true;
}


static hl_Result *
hl_typed_run(hl_CGuestFunc function, const hl_abi_input_t *input)
{
    size_t                 i, n;
    hl_Result             *result;
    hl_Parameter           params[HL_ABI_PARAMS_MAX];
    hl_FunctionCall        call;
    const hl_abi_value_t  *value;

    n = input->param_count;
    value = hl_ptr(const hl_abi_value_t, (uintptr_t) input + input->values);

    for (i = 0; i < n; i++) {
        hl_typed_param(&params[i], value);
        value = hl_value_next(value);
    }

    call.function_name = (const char *) input + input->name;
    call.parameters = params;
    call.parameters_len = n;
    call.return_type = (hl_ReturnType) input->result;

    result = function(&call);

    hl_typed_free(params, n);

    return result;
}


static void
hl_typed_param(hl_Parameter *param, const hl_abi_value_t *value)
{
    param->tag = hl_type_from_abi(value->type);

    switch (param->tag) {

    case hl_ParameterType_String:
        param->value.String = hl_value_copy(value);
        break;

    case hl_ParameterType_VecBytes:
        param->value.VecBytes.data = hl_value_copy(value);
        param->value.VecBytes.len = value->len;
        break;

    default:
        memcpy(&param->value, &value->bits, sizeof(value->bits));
        break;
    }
}


static void
hl_typed_free(hl_Parameter *params, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {

        if (params[i].tag == hl_ParameterType_String) {
            free(params[i].value.String);

        } else if (params[i].tag == hl_ParameterType_VecBytes) {
            free(params[i].value.VecBytes.data);
        }
    }
}
