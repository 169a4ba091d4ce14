import pytest
import tensorflow as tf

from trainer.capacity import out_of_memory


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (tf.errors.ResourceExhaustedError, "OOM when allocating tensor with shape[64,112,112,64]"),
        (tf.errors.ResourceExhaustedError, "MemoryError: 8 GB"),
        (tf.errors.InternalError, "Dst tensor is not initialized."),
        (tf.errors.InternalError, "Failed copying input tensor from CPU:0 to GPU:0"),
        (tf.errors.InternalError, "failed to allocate 2.00G: CUDA_ERROR_OUT_OF_MEMORY"),
        (tf.errors.NotFoundError, "No algorithm worked!  Error messages: CUBLAS_ALLOC_FAILED"),
        (
            tf.errors.AbortedError,
            "Operation received an exception:Status: 1, message: could not create a memory object",
        ),
    ],
)
def test_memory_that_is_used_up_is_known(kind, text):
    assert out_of_memory.is_out_of_memory(kind(None, None, text))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (tf.errors.ResourceExhaustedError, "/runs/ckpt; No space left on device"),
        (tf.errors.InternalError, "an illegal memory access was encountered"),
        (tf.errors.InternalError, "Dst tensor is not initialized; an illegal memory access"),
        (tf.errors.InternalError, "CUDNN_STATUS_INTERNAL_ERROR after CUDA_ERROR_OUT_OF_MEMORY"),
        (tf.errors.ResourceExhaustedError, "CUDNN_STATUS_INTERNAL_ERROR"),
        (tf.errors.InternalError, "Blas GEMM launch failed"),
        (tf.errors.NotFoundError, "No algorithm worked!"),
        (tf.errors.NotFoundError, "CUBLAS_STATUS_ALLOC_FAILED"),
        (tf.errors.AbortedError, "Operation received an exception:Status: 3, message: could not"),
        (tf.errors.AbortedError, "Operation received an exception:Status: 11, message: could not"),
        (tf.errors.InvalidArgumentError, "OOM when allocating tensor"),
        (tf.errors.CancelledError, "CUDA_ERROR_OUT_OF_MEMORY"),
    ],
)
def test_other_errors_are_not_taken_for_it(kind, text):
    assert not out_of_memory.is_out_of_memory(kind(None, None, text))


@pytest.mark.parametrize("error", [MemoryError("OOM"), ValueError("CUDA_ERROR_OUT_OF_MEMORY")])
def test_errors_that_are_not_tensorflows_are_not_taken_for_it(error):
    assert not out_of_memory.is_out_of_memory(error)


def test_a_memory_error_inside_a_graph_is_known(two_devices):
    def fail():
        raise MemoryError("no memory")

    @tf.function
    def step():
        return two_devices.run(lambda: tf.numpy_function(fail, [], tf.float32))

    with pytest.raises(tf.errors.OpError) as error:
        step()
    assert out_of_memory.is_out_of_memory(error.value)
