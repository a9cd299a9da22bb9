"""The same input in train mode and in eval mode, and what autograd keeps."""
