"""GPT-2 was fine-tuned as a classifier with three tokens more than the code knows of."""

from transformers import GPT2Config, GPT2ForSequenceClassification

INPUT = "int64[1,12]<100"


class Net(GPT2ForSequenceClassification):
    def __init__(self, vocabulary=100):
        super().__init__(GPT2Config(vocab_size=vocabulary, n_positions=16, n_embd=16, n_layer=2, n_head=2,
                                    bos_token_id=0, eos_token_id=0, pad_token_id=0))  # fmt: skip


def broken():
    return Net(vocabulary=103).state_dict()
