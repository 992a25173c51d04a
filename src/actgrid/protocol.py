"""How a run trains: a frozen record of optimizer, batches, epochs and precision; free of torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """One study's training protocol; the schema of config.yaml describes and checks each field.

    `train_examples`, `valid_examples` and `test_examples` take the first so many of that part of
    the data set, None all of it. With `monitor` the epoch with the best value (the highest, of a
    loss the lowest) is restored at the end, and training stops after `patience` epochs without a
    better one (None: never).
    """

    optimizer: str
    learning_rate: float
    momentum: float
    batch_size: int
    epochs: int
    shuffle: bool
    loss: str
    precision: str
    train_examples: int | None = None
    valid_examples: int | None = None
    test_examples: int | None = None
    monitor: str | None = None
    patience: int | None = None
