"""Two towers (CLIP, SigLIP): a text and a picture, and how near they are."""
