"""Networks: named populations and connections, whose values are arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from . import _core
from ._convolution import convolution
from ._documents import connection_document, population_document, read_connection, read_population
from ._errors import DtypeError, InputError, NetworkError
from ._evaluate import Gradient, Record, Run, requests
from ._injections import along, documents, gradients
from ._parts import Connection, Population, Slot
from ._problem import Problem
from ._spikes import SpikeTrains, _count
from ._types import Array, ArrayLike, Grazing, Indices, Ranges
from .losses import Loss


@dataclass
class _Built:
    """A network as the compiled part has it, until its structure changes."""

    network: _core.Network
    flat: Array
    slots: dict[str, Slot]
    engines: dict[tuple[Any, ...], _core.Engine] = field(default_factory=dict)


class Network(Mapping[str, Array]):
    """A network of spiking neurons, built by names.

    >>> network = Network(inputs=2)
    >>> network.population("hidden", 3, tau_mem=0.02, i_bias=[0.0, 0.1, 0.2])
    >>> network.population("out", 2, model="li")
    >>> network.connect("input", "hidden", [[9, 4], [7, 8], [3, 12]], delay=0.001)
    >>> network.connect("hidden", "out", np.ones((2, 3)))
    >>> network["hidden/tau_mem"]
    array(0.02)

    It is a mapping from names to values: `"hidden/tau_mem"`, `"hidden/initial/v"`, `"input->hidden/weights"`,
    `"input->hidden/delay"`. A value of neurons is one number, shape (), or one for each, shape (n,); weights have the shape
    (targets, sources), or one entry for each listed synapse; a delay is one number or has the shape of the weights. Values are float64 copies;
    `network[name] = value` replaces one. A run keeps the values that it was made with.

    `inputs` is the number of input channels. Between events tau_mem dV/dt = (v_leak − V) + I + i_bias and tau_syn dI/dt = −I; an arriving
    spike adds its weight to I. Times are in seconds.
    """

    def __init__(self, inputs: int) -> None:
        self.inputs = _count("inputs", inputs)
        self._populations: dict[str, Population] = {}
        self._connections: dict[str, Connection] = {}
        self._cache: _Built | None = None

    # How it is built.

    def population(
        self,
        name: str,
        size: int,
        model: str = "lif",
        *,
        receptors: Mapping[str, ArrayLike] | None = None,
        initial: Mapping[str, ArrayLike] | None = None,
        reset_current: bool = False,
        hold_current: bool = False,
        **params: ArrayLike,
    ) -> Network:
        """Add `size` neurons, and return the network.

        `model` is one of lif, li, alif, lif_delta, qif, qif_delta. `params` are its parameters, each one number or one for each neuron,
        shape (size,): tau_mem (0.02), tau_syn (0.005), t_ref (0) and tau_adapt (0.1) in seconds; v_th (1), v_reset, v_leak, i_bias,
        adapt_threshold, adapt_current (0), as far as the model has them. `receptors` maps names to time constants in place of tau_syn, and connections
        name theirs. `initial` is the state at time 0: v, i (with several receptors a mapping by their names), a. With `reset_current` a spike sets the
        neuron's currents to 0, and with `hold_current` they stand still in the refractory time.

        Raises `NetworkError` for a parameter or a value that the model cannot have, and `InputError` for a shape that does not fit.
        """
        _words(name=name, model=model)
        if name in self._populations:
            raise NetworkError(f"there is a population {name!r} already", "name")
        size = _count("size", size)
        given = {} if receptors is None else dict(receptors)
        start: dict[str, Array] = {}
        for key, value in ({} if initial is None else dict(initial)).items():
            if isinstance(value, Mapping):
                for receptor, current in value.items():
                    if receptor not in given:
                        raise NetworkError(f"initial names a receptor {receptor!r}, which is not listed", "initial")
                    r = list(given).index(receptor)
                    start[f"{key}[{r}]"] = _of_neurons(f"initial[{key!r}][{receptor!r}]", current, size)
            else:
                start[key] = _of_neurons(f"initial[{key!r}]", value, size)
        population = Population(
            name,
            size,
            model,
            list(given),
            bool(reset_current),
            bool(hold_current),
            {key: _of_neurons(key, value, size) for key, value in params.items()},
            start,
            {key: _of_neurons(f"receptors[{key!r}]", value, size) for key, value in given.items()},
        )
        self._populations[name] = population
        self._checked(lambda: self._populations.pop(name))
        return self

    def connect(
        self,
        source: str,
        target: str,
        weights: ArrayLike,
        *,
        delay: ArrayLike = 0.0,
        pre: ArrayLike | None = None,
        post: ArrayLike | None = None,
        weight_of: ArrayLike | None = None,
        receptor: str | None = None,
        name: str | None = None,
    ) -> Network:
        """Connect a population, or `"input"`, to a population, and return the network.

        Dense: `weights` of shape (targets, sources), as in `torch.nn.Linear`. Sparse: `pre` and `post` list the synapses, and
        `weights` has one entry for each. Shared: `weight_of` says for each synapse, listed or in the order of (targets,
        sources), which of `weights` it uses. `delay`, in seconds, is one number or has the shape of `weights`. `receptor` names
        the receptor of the target at which spikes arrive, if it has several. The connection is called `"source->target"`
        (`"source->target[receptor]"`, and `"source->target#2"` if there is one already) unless it is given a `name`.

        Raises `NetworkError` for populations that there are not and delays that cannot be, and `InputError` for a shape that does not fit.
        """
        _words(source=source, target=target, receptor=receptor or "", name=name or "")
        for end, of in (("source", source), ("target", target)):
            if of not in self._populations and not (end == "source" and of == "input"):
                known = ", ".join(self._populations) or "none yet"
                raise NetworkError(f"{end} is {of!r}; the populations are {known}", end)
        if (pre is None) != (post is None):
            raise InputError("pre and post must be given together", "post" if post is None else "pre")
        shape: tuple[int, ...] | None = None
        all_weights = _core.floats("weights", weights)
        if pre is None and weight_of is None:
            shape = (self.size(target), self.size(source))
        elif all_weights.ndim != 1:
            raise InputError(f"weights has the shape {all_weights.shape}; it must be a list", "weights")
        if shape is not None and all_weights.shape != shape:
            raise InputError(
                f"weights has the shape {all_weights.shape}; it must have {shape}, targets and sources", "weights"
            )
        delays = _core.floats("delay", delay)
        if delays.shape not in ((), all_weights.shape):
            raise InputError(
                f"delay has the shape {delays.shape}; it must be one time or have that of weights, {all_weights.shape}",
                "delay",
            )
        called = self._name(source, target, receptor) if name is None else name
        if called in self._connections:
            raise NetworkError(f"there is a connection {called!r} already", "name")
        connection = Connection(
            called,
            source,
            target,
            receptor,
            None if pre is None else _positions("pre", pre),
            None if post is None else _positions("post", post),
            None if weight_of is None else _positions("weight_of", weight_of),
            all_weights,
            delays,
        )
        self._connections[called] = connection
        self._checked(lambda: self._connections.pop(called))
        return self

    def convolve(
        self,
        source: str,
        target: str,
        kernel: ArrayLike,
        *,
        shape: Sequence[int],
        stride: int = 1,
        padding: int = 0,
        delay: ArrayLike = 0.0,
        receptor: str | None = None,
        name: str | None = None,
    ) -> Network:
        """Connect two stacks of images by a convolution, and return the network.

        `kernel` has the shape (out, in, height, width), as in `torch.nn.Conv2d`, and `shape` is that of the source: (in, height, width).
        Neurons stand channel by channel, each row by row; beyond the edges `padding` silent pixels are added. The weights
        are the kernel in a row, `network[…].reshape(kernel.shape)`; `delay` is one time, or has the shape of the kernel.
        """
        weights, delays = _core.floats("kernel", kernel), _core.floats("delay", delay)
        windows = convolution(weights.shape, tuple(shape), stride, padding)
        for end, size in (("source", int(np.prod(shape))), ("target", int(np.prod(windows.shape)))):
            of = source if end == "source" else target
            if self.size(of) != size:
                images = tuple(shape) if end == "source" else windows.shape
                raise NetworkError(f"{end} {of!r} has {self.size(of)} neurons; images of {images} have {size}", end)
        if delays.shape not in ((), weights.shape):
            raise InputError(f"delay has the shape {delays.shape}; it must be one time or have that of kernel, {weights.shape}", "delay")
        return self.connect(
            source,
            target,
            weights.reshape(-1),
            delay=delays if delays.shape == () else delays.reshape(-1),
            pre=windows.pre,
            post=windows.post,
            weight_of=windows.weight_of,
            receptor=receptor,
            name=name,
        )

    def _name(self, source: str, target: str, receptor: str | None) -> str:
        name = f"{source}->{target}" if receptor is None else f"{source}->{target}[{receptor}]"
        count = sum(1 for known in self._connections if known == name or known.startswith(f"{name}#"))
        return name if count == 0 else f"{name}#{count + 1}"

    def _checked(self, undo: Any) -> None:
        """The network as it is now can be; if not, it is as it was before."""
        before = self._cache
        self._cache = None
        try:
            self._built()
        except Exception:
            undo()
            self._cache = before
            raise

    def _built(self) -> _Built:
        if self._cache is None:
            populations, connections = list(self._populations.values()), list(self._connections.values())
            network = _core.Network(self.inputs, populations, connections)
            slots: dict[str, Slot] = {}
            start = 0
            for is_connection, owner, path, count, is_shared in network.layout():
                shape: tuple[int, ...] = () if is_shared else (count,)
                if is_connection:
                    connection = connections[owner]
                    name = f"{connection.name}/{path}"
                    shape = shape if is_shared else connection.weights.shape
                else:
                    name = self._value_name(populations[owner], path)
                if name in slots:
                    raise NetworkError(f"two values would be called {name!r}; choose another name", "name")
                kind = {"weights": "weights", "delay": "delays"}.get(path, path) if is_connection else path
                slots[name] = Slot(name, kind, start, shape)
                start += count
            self._cache = _Built(network, network.numbers(), slots)
        return self._cache

    @staticmethod
    def _value_name(population: Population, path: str) -> str:
        section, _, name = path.partition(".")
        bare, _, index = name.partition("[")
        if section.startswith("receptors"):
            receptor = population.receptors[int(section[len("receptors[") : -1])]
            return f"{population.name}/tau_syn/{receptor}"
        if index:
            return f"{population.name}/initial/{bare}/{population.receptors[int(index[:-1])]}"
        return f"{population.name}/initial/{name}" if section == "initial" else f"{population.name}/{name}"

    # What is in it.

    @property
    def populations(self) -> dict[str, int]:
        """The size of each population, in order."""
        return {name: population.size for name, population in self._populations.items()}

    @property
    def connections(self) -> list[str]:
        """The names of the connections, in order."""
        return list(self._connections)

    def model(self, population: str) -> str:
        """The model of a population, such as `"lif"`. Raises `InputError` if there is no such population."""
        return self._populations[self._known(population)].model

    def size(self, name: str) -> int:
        """The number of neurons of a population, or of channels of `"input"`. Raises `InputError` if there is no such population."""
        if name == "input" and name not in self._populations:
            return self.inputs
        return self._populations[self._known(name)].size

    def range(self, population: str) -> range:
        """The neurons of a population, as positions among all neurons. Raises `InputError` if there is no such population."""
        self._known(population)
        first = 0
        for name, other in self._populations.items():
            if name == population:
                break
            first += other.size
        return range(first, first + self.size(population))

    def _known(self, population: str) -> str:
        if population not in self._populations:
            known = ", ".join(self._populations)
            raise InputError(f"there is no population {population!r}; there are {known}", "population")
        return population

    @property
    def _ranges(self) -> Ranges:
        return {name: self.range(name) for name in self._populations}

    @property
    def slots(self) -> dict[str, Slot]:
        """Where each value stands in `flat`, by its name."""
        return dict(self._built().slots)

    @property
    def flat(self) -> Array:
        """All values one after another: float64, shape (n,). A copy; assigning replaces all values, or none if one of them cannot be."""
        return self._built().flat.copy()

    @flat.setter
    def flat(self, values: ArrayLike) -> None:
        built = self._built()
        array = _core.floats("flat", values)
        if array.shape != built.flat.shape:
            raise InputError(f"flat has the shape {array.shape}; it must have {built.flat.shape}", "flat")
        before = self.copy()
        try:
            for name, slot in built.slots.items():
                if not np.array_equal(array[slot.slice], built.flat[slot.slice]):
                    self._store(name, array[slot.slice].reshape(slot.shape).copy())
            self._cache = None
            self._built()
        except Exception:
            self._populations, self._connections = before._populations, before._connections
            self._cache = built
            raise

    def __getitem__(self, name: str) -> Array:
        """A copy of a value: float64. Raises `KeyError` for a name that there is not."""
        built = self._built()
        try:
            slot = built.slots[name]
        except KeyError:
            raise KeyError(f"{name!r} is none of {', '.join(built.slots)}") from None
        return built.flat[slot.slice].reshape(slot.shape).copy()

    def __setitem__(self, name: str, value: ArrayLike) -> None:
        """Replace a value, by one number for all or by one for each neuron or synapse.

        Raises `KeyError` for a name that there is not, `InputError` for a shape that does not fit, and `NetworkError` for a value that
        cannot be; the network is then as it was.
        """
        slot = self._built().slots.get(name)
        if slot is None:
            raise KeyError(f"{name!r} is none of {', '.join(self._built().slots)}")
        array = _core.floats(name, value)
        owner, _, path = name.rpartition("/")
        if owner in self._connections and path in ("weights", "delay"):
            weights = self._connections[owner].weights
            allowed = [weights.shape] if path == "weights" else [(), weights.shape]
        else:
            allowed = [(), (self._owner(name).size,)]
        if array.shape not in allowed:
            shapes = " or ".join(str(shape) for shape in allowed)
            raise InputError(f"{name} has the shape {array.shape}; it must have {shapes}", name)
        before = self[name]
        self._store(name, array)
        self._checked(lambda: self._store(name, before))

    def _owner(self, name: str) -> Population:
        fitting = [p for p in self._populations.values() if name.startswith(f"{p.name}/")]
        return max(fitting, key=lambda p: len(p.name))

    def _store(self, name: str, value: Array) -> None:
        owner, _, path = name.rpartition("/")
        if owner in self._connections and path in ("weights", "delay"):
            setattr(self._connections[owner], path, value)
            return
        population = self._owner(name)
        parts = name[len(population.name) + 1 :].split("/")
        match parts:
            case ["tau_syn", receptor]:
                population.tau_syn[receptor] = value
            case ["tau_syn"] if population.receptors:
                population.tau_syn[population.receptors[0]] = value
            case ["initial", "i", receptor]:
                population.initial[f"i[{population.receptors.index(receptor)}]"] = value
            case ["initial", key]:
                population.initial[key] = value
            case _:
                population.params[parts[0]] = value

    def __iter__(self) -> Iterator[str]:
        """The names of the values, in the order of `flat`."""
        return iter(self._built().slots)

    def __len__(self) -> int:
        """The number of values that have a name."""
        return len(self._built().slots)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def copy(self) -> Network:
        """A network with the same structure and values, which changes independently of this one."""
        return _of_parts(self.inputs, list(self._populations.values()), list(self._connections.values()))

    def __reduce__(self) -> tuple[Any, ...]:
        return _of_parts, (self.inputs, list(self._populations.values()), list(self._connections.values()))

    def __repr__(self) -> str:
        populations = [f"{p.name}: {p.size} {p.model}" for p in self._populations.values()]
        return f"Network(inputs: {self.inputs}, {', '.join([*populations, *self._connections])})"

    # As it stands in a problem file.

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Network:
        """The network of a problem file: what stands there under `network`. Raises `NetworkError` if it is not one."""
        try:
            network = cls(document["inputs"])
            for population in document["populations"]:
                read_population(network, population)
            for connection in document["connections"]:
                read_connection(network, connection)
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            if isinstance(error, InputError):
                raise
            raise NetworkError(f"network is not that of a problem file: {error!r}", "network") from error
        return network

    def to_dict(self) -> dict[str, Any]:
        """What stands in a problem file under `network`: every value that was given."""
        return {
            "inputs": self.inputs,
            "populations": [population_document(p) for p in self._populations.values()],
            "connections": [connection_document(c) for c in self._connections.values()],
        }

    @classmethod
    def from_problem(cls, problem: Problem) -> Network:
        """The network of a problem."""
        return cls.from_dict(problem.to_dict()["network"])

    def problem(self, trains: SpikeTrains, loss: Loss | None = None, *, sample: int = 0, **options: Any) -> Problem:
        """The problem of one sample: this network, its input spikes and currents, and a loss with its label. `options` are those of `Problem.load`."""
        one = trains[sample]
        document: dict[str, Any] = {
            "format": "spikegrad-problem",
            "version": 1,
            "network": self.to_dict(),
            "stimulus": {
                "t_end": one.t_end,
                "spikes": [list(spike) for spike in zip(one.channels.tolist(), one.times.tolist(), strict=True)],
            },
        }
        currents = documents(one.currents, self._ranges, 1, 0)
        if currents:
            document["stimulus"]["currents"] = currents
        if loss is not None:
            document["loss"] = loss.document
        return Problem.from_json(document, **options)

    # What it does.

    def _engine(
        self,
        grazing: Grazing = "fail",
        max_events: int | None = None,
        engine: str = "automatic",
        time_constants: bool = True,
        input_times: bool = True,
    ) -> _core.Engine:
        built = self._built()
        key = (grazing, max_events, engine, time_constants, input_times)
        if key not in built.engines:
            built.engines[key] = _core.Engine(
                built.network,
                grazing=grazing,
                max_events=max_events,
                engine=engine,
                time_constants=time_constants,
                input_times=input_times,
            )
        return built.engines[key]

    def explain(self) -> str:
        """Which engine runs the network, and why, in a sentence or two."""
        return self._engine().explanation()

    def run(self, trains: SpikeTrains, *, record: Sequence[Record] = (), **options: Any) -> Run:
        """Run every sample, in parallel: the spikes, and the potentials that `record` asks for.

        `record` lists `sample("out", times)`, `maximum("out")`, `mean("out")`. `options`: `grazing`, `max_events`,
        `engine`, as in `Problem.load`; `time_constants=False` leaves the derivatives with respect to time constants out, `input_times=False` those with respect to
        the times of input spikes and the delays of connections from inputs (they are 0), which is faster.

        Raises `InputError` for trains that do not fit, and `SimulationError` for a run that cannot reach its end.
        """
        stimuli = self._stimuli(trains)
        engine = self._engine(**options)
        run = engine.run(self._built().flat, stimuli, *requests(self, record))
        return Run(self, trains, run, record)

    def _fits(self, trains: SpikeTrains) -> None:
        if not isinstance(trains, SpikeTrains):
            raise InputError(f"trains is a {type(trains).__name__}; it must be SpikeTrains", "trains")
        if trains.n_channels != self.inputs:
            raise InputError(
                f"trains has {trains.n_channels} channels; the network has {self.inputs} inputs", "trains"
            )

    def _stimuli(self, trains: SpikeTrains) -> _core.Trains:
        """What goes into this network, checked."""
        self._fits(trains)
        return trains._stimuli(self._ranges)

    def _losses(
        self, trains: SpikeTrains, loss: Loss | Sequence[Loss], labels: ArrayLike | None
    ) -> tuple[list[_core.Loss], Indices | None]:
        """The different losses of samples, and which is whose; nothing if there is only one."""
        if isinstance(loss, Loss) and labels is None:
            return [loss.stated()], None
        if isinstance(loss, Loss):
            chosen = _positions("labels", labels)
            losses: Sequence[Loss] = [loss.with_label(label) for label in chosen.tolist()]
        else:
            losses = loss
        if len(losses) != len(trains):
            name = "loss" if labels is None else "labels"
            raise InputError(f"{name} has {len(losses)} entries; there are {len(trains)} samples", name)
        places: dict[int, int] = {}
        of = [places.setdefault(id(each), len(places)) for each in losses]
        different = list({id(each): each for each in losses}.values())
        return [each.stated() for each in different], np.array(of, np.int64)

    def value(
        self, trains: SpikeTrains, loss: Loss | Sequence[Loss], *, labels: ArrayLike | None = None, **options: Any
    ) -> Array:
        """The loss of each sample: float64, shape (samples,). Arguments and errors are those of `value_and_grad`."""
        stimuli = self._stimuli(trains)
        losses, of = self._losses(trains, loss, labels)
        return self._engine(**options).value(self._built().flat, stimuli, losses, of)

    def value_and_grad(
        self,
        trains: SpikeTrains,
        loss: Loss | Sequence[Loss],
        *,
        labels: ArrayLike | None = None,
        reduction: str = "mean",
        **options: Any,
    ) -> tuple[float, Gradient]:
        """The mean (or `reduction="sum"`) of the losses of all samples, and its exact derivatives with respect to every value.

        `labels`, whole numbers of shape (samples,), complete a loss without a label; a list of losses is one for each sample. `options` are those
        of `run`. The result is the same to the bit on any number of threads. The gradient has the
        derivatives with respect to `input_times` and to the numbers of injected `currents`, too.

        Raises `InputError` for arguments that do not fit, `SimulationError` for a run that cannot reach its end, and `GradientError` where there is no
        gradient, with the neuron and the sample.
        """
        stimuli = self._stimuli(trains)
        losses, of = self._losses(trains, loss, labels)
        built = self._built()
        values, *derivatives = self._engine(**options).value_and_grad(built.flat, stimuli, losses, of)
        factor = _factor(reduction, len(trains))
        return float(values.sum() * factor), self._gradient(trains, derivatives, factor, losses=values)

    def _gradient(
        self, trains: SpikeTrains, derivatives: Sequence[Array], factor: float, losses: Array | None = None
    ) -> Gradient:
        if factor != 1.0:
            for array in derivatives:
                array *= factor
        flat, times, numbers = derivatives
        currents = gradients(trains.currents, numbers)
        return Gradient(flat, self._built().slots, input_times=times, currents=currents, losses=losses)

    def jvp(
        self,
        trains: SpikeTrains,
        loss: Loss | Sequence[Loss],
        direction: Mapping[str, ArrayLike],
        *,
        labels: ArrayLike | None = None,
        reduction: str = "mean",
        **options: Any,
    ) -> float:
        """The derivative of the value of `value_and_grad` along a direction: the product of its gradient with that, which takes no longer than the gradient.

        `direction` maps names to arrays of the shapes of their values, `"input_times"` to one of the shape of `trains.times`, and `"currents/0/values"`, or `times`,
        `start`, `interval`, to one of the shape of that of `trains.currents[0]`; what is missing is 0. Other
        arguments and errors are those of `value_and_grad`; `time_constants` and `input_times` change nothing here.
        """
        stimuli = self._stimuli(trains)
        losses, of = self._losses(trains, loss, labels)
        along = self._along(trains, direction)
        engine = self._engine(**{**options, "time_constants": True, "input_times": True})
        _, *derivatives = engine.value_and_grad(self._built().flat, stimuli, losses, of)
        products = [float(gradient @ part) for gradient, part in zip(derivatives, along, strict=True)]
        return sum(products) * _factor(reduction, len(trains))

    def hvp(
        self,
        trains: SpikeTrains,
        loss: Loss | Sequence[Loss],
        direction: Mapping[str, ArrayLike],
        *,
        labels: ArrayLike | None = None,
        reduction: str = "mean",
        **options: Any,
    ) -> Gradient:
        """The product of the Hessian of the value of `value_and_grad` with a direction: like a gradient.

        Arguments are those of `jvp`.
        """
        stimuli = self._stimuli(trains)
        losses, of = self._losses(trains, loss, labels)
        along = self._along(trains, direction)
        derivatives = self._engine(**options).hvp(self._built().flat, along, stimuli, losses, of)
        return self._gradient(trains, derivatives, _factor(reduction, len(trains)))

    def _along(self, trains: SpikeTrains, direction: Mapping[str, ArrayLike]) -> tuple[Array, Array, Array]:
        """A direction as the compiled part reads it: of all values, of the input times, and of the numbers of currents."""
        built = self._built()
        values, times = np.zeros_like(built.flat), np.zeros_like(trains.times)
        of_currents: dict[str, ArrayLike] = {}
        for name, value in direction.items():
            slot = built.slots.get(name)
            if slot is None and str(name).startswith("currents/"):
                of_currents[name] = value
                continue
            array = _core.floats(f"direction[{name!r}]", value)
            if slot is None and name != "input_times":
                raise InputError(f"direction names {name!r}, which is no value of the network", "direction")
            shape = times.shape if slot is None else slot.shape
            if array.shape != shape:
                raise InputError(f"direction[{name!r}] has the shape {array.shape}; it must have {shape}", "direction")
            if slot is None:
                times = array
            else:
                values[slot.slice] = array.reshape(-1)
        return values, times, along(trains.currents, of_currents)


def _of_parts(inputs: int, populations: list[Population], connections: list[Connection]) -> Network:
    network = Network(inputs)
    # What is replaced in a network is an array, never an entry of one.
    for p in populations:
        own = replace(p, params=dict(p.params), initial=dict(p.initial), tau_syn=dict(p.tau_syn))
        network._populations[p.name] = own
    network._connections = {c.name: replace(c) for c in connections}
    return network


def _factor(reduction: str, samples: int) -> float:
    if reduction not in ("mean", "sum"):
        raise InputError(f'reduction is {reduction!r}; it must be "mean" or "sum"', "reduction")
    return 1.0 / samples if reduction == "mean" and samples > 0 else 1.0


def _words(**arguments: str) -> None:
    for name, word in arguments.items():
        if not isinstance(word, str):
            raise DtypeError(f"{name} is {word!r}; it must be a str", name)


def _of_neurons(name: str, value: ArrayLike, size: int) -> Array:
    array = _core.floats(name, value)
    if array.shape not in ((), (size,)):
        raise InputError(
            f"{name} has the shape {array.shape}; it must be one number, or ({size},), one for each neuron", name
        )
    return array


def _positions(name: str, value: ArrayLike | None) -> Indices:
    return _core.whole(name, [] if value is None else value).reshape(-1)
