"""What the model computed: one vector per word and layer, extracted once and stored."""
