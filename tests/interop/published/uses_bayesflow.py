"""BayesFlow: workflows of amortized inference."""

import tempfile

import keras
import numpy as np

rng = np.random.default_rng(0)
keras.utils.set_random_seed(0)

import bayesflow as bf


def prior():
    return dict(theta=np.random.normal(size=2))


def likelihood(theta):
    return dict(x=theta + np.random.normal(size=(10, 2)))


simulator = bf.make_simulator([prior, likelihood])
adapter = bf.Adapter().convert_dtype("float64", "float32").as_set(["x"])
adapter = adapter.rename("theta", "inference_variables").rename("x", "summary_variables")
for network in (bf.networks.CouplingFlow(depth=2), bf.networks.FlowMatching()):
    summary = bf.networks.DeepSet(summary_dim=4)
    flow = bf.BasicWorkflow(simulator=simulator, adapter=adapter, summary_network=summary, inference_network=network)
    flow.fit_online(epochs=1, batch_size=8, num_batches_per_epoch=3, verbose=0)
    assert flow.sample(num_samples=5, conditions=simulator.sample(3))["theta"].shape == (3, 5, 2)
    model = flow.estimator if hasattr(flow, "estimator") else flow.approximator  # its name before 2.1
    path = tempfile.mktemp(suffix=".keras")
    model.save(path)
    again = keras.saving.load_model(path)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        assert np.array_equal(a, b)
    assert len(model.get_weights()) > 10

# its own trainers' step, called as Keras calls it
if keras.config.backend() == "jax":
    import jax

    flow = bf.BasicWorkflow(
        simulator=simulator,
        adapter=adapter,
        summary_network=bf.networks.DeepSet(summary_dim=4),
        inference_network=network,
    )
    trained = flow.approximator
    batch = adapter(simulator.sample(8))
    trained.build({k: v.shape for k, v in batch.items()})
    trained.compile(keras.optimizers.Adam(1e-3))
    trained.optimizer.build(trained.trainable_variables)
    parts = (trained.trainable_variables, trained.non_trainable_variables, trained.optimizer.variables)
    state = (*([v.value for v in part] for part in parts), [v.value for v in trained.metrics_variables])
    logs, state = trained.stateless_train_step(state, batch)
    assert np.isfinite(float(logs["loss"])) and len(state) == 4
    assert all(isinstance(x, jax.Array) for part in state for x in part)
