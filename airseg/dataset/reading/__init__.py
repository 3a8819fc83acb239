"""Reading: a dataset file or an index in; frames, clips and batches of clips out."""
