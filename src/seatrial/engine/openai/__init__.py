"""The OpenAI API as SGLang serves it, release by release."""
